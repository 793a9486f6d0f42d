package generate

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// faulty is a backend whose write to the cache number `at`, from 1, fails: its slots lie outside. before is called first.
type faulty struct {
	kernels.Backend
	at, writes int
	before     func()
	sound      bool // the write does not fail
}

func (f *faulty) PagedWrite(a kernels.PagedWriteArgs) {
	f.writes++
	if f.writes == f.at && f.before != nil {
		f.before()
	}
	if f.writes == f.at && !f.sound {
		f.Write(a.Slots, bytes.Repeat([]byte{0x7f}, int(a.Slots.Bytes())))
	}
	f.Backend.PagedWrite(a)
}

// Pages that a failed chunk of a prompt should have filled are not found by a later prompt, though nobody waited for the chunk.
func TestFailedChunkIsForgotten(t *testing.T) { failedChunk(t, openCPU(t)) }

func failedChunk(t *testing.T, b kernels.Backend) {
	o, rs := model.InferOptions{Tokens: 16, Docs: 2, PageSize: 4}, []Request{{Prompt: make([]int32, 40), MaxNewTokens: 5}}
	for i := range rs[0].Prompt {
		rs[0].Prompt[i] = int32(i)
	}
	want := alone(t, engine(t, b, o, Options{CacheTokens: 200}), rs)
	e := engine(t, &faulty{Backend: b, at: 1}, o, Options{CacheTokens: 200})
	if _, err := e.Generate(context.Background(), rs[0]); !errors.Is(err, errDevice) || !errors.Is(err, kernels.ErrDevice) {
		t.Fatalf("a chunk failed: %v", err)
	}
	for range 2 { // computed again, then found
		if got := alone(t, e, rs); !reflect.DeepEqual(got, want) {
			t.Errorf("after a failed chunk: %v, without one %v", got, want)
		}
	}
	if s := e.Stats(); s.Cached != 36 {
		t.Errorf("%d prompt tokens were found in the cache, want those of the second time, 36", s.Cached)
	}
	if free := e.pool.available(); free != len(e.pool.pages) {
		t.Errorf("%d of %d pages are free at the end", free, len(e.pool.pages))
	}
}

// Scores that are asked for while steps are under way do not disturb them. A failure of a step ends what runs when it is found, scores
// among it, and nothing that comes later.
func TestScoreLeavesStepsAlone(t *testing.T) {
	const chunk, ahead = 1, 9 // writes to the cache, two a step: of the first chunk, which nobody waits for, of the first step ahead
	for name, f := range map[string]faulty{"failed chunk": {at: chunk}, "failed step ahead": {at: ahead}, "step ahead": {at: ahead, sound: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { scoreBeside(t, &f) })
		})
	}
}

func scoreBeside(t *testing.T, f *faulty) {
	f.Backend = openCPU(t)
	o := model.InferOptions{Tokens: 16, Docs: 2, PageSize: 4}
	r, asked := Request{Prompt: make([]int32, 40), MaxNewTokens: 5}, []ScoreRequest{{Prompt: []int32{5, 9}, Continuation: []int32{2, 8, 1}}}
	sound := engine(t, f.Backend, o, Options{CacheTokens: 200})
	want := alone(t, sound, []Request{r})[0]
	wantScores, err := sound.Score(context.Background(), asked)
	if err != nil {
		t.Fatal(err)
	}
	e := engine(t, f, o, Options{CacheTokens: 200})
	e.goesAhead = true
	scored := make(chan struct{})
	f.before = func() { // in the loop, which finds the scores waiting when it has issued the step
		go func() {
			defer close(scored)
			got, err := e.Score(context.Background(), asked)
			if !f.sound && errors.Is(err, errDevice) {
				got, err = e.Score(context.Background(), asked)
			}
			if err != nil || !reflect.DeepEqual(got, wantScores) {
				t.Errorf("scores %v, %v, want %v", got, err, wantScores)
			}
		}()
		synctest.Wait()
	}
	got, err := e.Generate(context.Background(), r)
	if f.sound && (err != nil || !reflect.DeepEqual(got, want)) {
		t.Errorf("generated %v, %v, want %v", got, err, want)
	}
	if !f.sound && !errors.Is(err, errDevice) {
		t.Errorf("a step failed, and the request got %v, %v", got, err)
	}
	<-scored
}

// A request that is cancelled leaves at once, also from behind others that wait for a place.
func TestCancelledLeavesTheQueue(t *testing.T) {
	e := engine(t, openCPU(t), model.InferOptions{Tokens: 16, Docs: 1, PageSize: 4}, Options{})
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	replies := make(chan reply, 1)
	head, behind := &sequence{ctx: context.Background()}, &sequence{ctx: cancelled, reply: replies}
	full := make([]*sequence, e.seats)
	l := &line{waiting: []*sequence{head, behind}, running: full}
	e.admit(l)
	e.publish(l)
	if len(l.waiting) != 1 || l.waiting[0] != head || len(l.running) != len(full) {
		t.Errorf("%d wait, %d run", len(l.waiting), len(l.running))
	}
	select {
	case r := <-replies:
		if !errors.Is(r.err, context.Canceled) {
			t.Errorf("it got %v", r.err)
		}
	default:
		t.Error("it still waits")
	}
}
