package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/primer-lm/primer/model"
)

// How requests are computed together is decided by what is there when: who comes, who is cancelled, how many pages there are. The tests
// here play such schedules, drawn at random, and hold each request to what it gets alone, bit for bit.

// kinds are requests of all kinds with what each gets alone. Score requests are kinds with a score.
type kind struct {
	req   Request
	score *ScoreRequest
	want  Result
}

// shapes are the sizes that schedules are played with: some have room for few rows, few logits, or one page's positions a step.
var shapes = []model.InferOptions{
	{Tokens: 64, Docs: 8, PageSize: 4}, {Tokens: 7, Docs: 6, PageSize: 4, LogitRows: 6}, {Tokens: 16, Docs: 3, PageSize: 8, LogitRows: 4},
	{Tokens: 3, Docs: 8, PageSize: 3}, {Tokens: 40, Docs: 2, PageSize: 1, LogitRows: 40},
}

type arena struct {
	kinds  []kind
	models []*model.Model
}

func openArena(t testing.TB) *arena {
	b := openCPU(t)
	a := &arena{kinds: someKinds()}
	for _, o := range shapes {
		a.models = append(a.models, random(t, b, o))
	}
	e := engine(t, b, model.InferOptions{Tokens: 64, Docs: 1, PageSize: 16}, Options{CacheTokens: 64, TokenBytes: letter})
	for i := range a.kinds {
		k := &a.kinds[i]
		res, err := e.Generate(context.Background(), k.req)
		if err != nil {
			t.Fatal(err)
		}
		if k.want = res; k.score != nil { // of the prompt only what is behind the beginning is asked for
			k.want.Prompt = res.Prompt[len(k.score.Prompt):]
		}
	}
	return a
}

// someKinds are requests that begin alike or not, greedy or sampled, with everything that can be asked for.
func someKinds() []kind {
	rng := rand.New(rand.NewPCG(11, 1))
	var out []kind
	for i, r := range requests(48, 5) {
		r.MaxNewTokens = 1 + rng.IntN(min(18, r.MaxNewTokens))
		k := kind{}
		switch i % 8 {
		case 2:
			r.PromptLogProbs, r.TopLogProbs = true, rng.IntN(4)
			r.MaxNewTokens = rng.IntN(2) * r.MaxNewTokens
		case 3:
			r.StopStrings = []string{string(letter(int32(rng.IntN(26)))), "ab"}
		case 4: // nothing is edited before the first token, which the step behind a prompt of one row draws
			r.Prompt, r.PresencePenalty, r.FrequencyPenalty = r.Prompt[:1], -8, 0.5
		case 5:
			r.RepetitionPenalty, r.PresencePenalty, r.FrequencyPenalty = 1.3, 0.4, 0.2
			r.LogitBias = map[int32]float32{int32(rng.IntN(testVocab)): 2, 7: float32(math.Inf(-1))}
		case 6:
			r.MinNewTokens, r.StopIDs, r.TopLogProbs = r.MaxNewTokens/2, []int32{3, 4, 5, 6, 7, 8, 9, 10}, 2
		case 7:
			n := 1 + rng.IntN(len(r.Prompt))
			k.score = &ScoreRequest{Prompt: r.Prompt[:n], Continuation: append(slices.Clone(r.Prompt[n:]), 5, 9)}
			r = Request{Prompt: slices.Concat(k.score.Prompt, k.score.Continuation), TopLogProbs: 1, PromptLogProbs: true}
		}
		k.req = r
		out = append(out, k)
	}
	return out
}

// play is one request of a schedule.
type play struct {
	kind   *kind
	seq    *sequence
	reply  chan reply
	cancel context.CancelFunc
	told   []Token
	ended  bool
}

func (k *kind) play() *play {
	p := &play{kind: k, reply: make(chan reply, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	r := k.req
	r.OnToken = func(t Token) { p.told = append(p.told, t) }
	p.cancel, p.seq = cancel, newSequence(ctx, r, testVocab, p.reply)
	if k.score != nil {
		p.seq.want, p.seq.req.PromptLogProbs = len(k.score.Prompt)-1, false
	}
	return p
}

// check holds what a play got to what it gets alone.
func (p *play) check(t testing.TB, r reply) {
	t.Helper()
	p.ended = true
	want := p.kind.want
	if r.err != nil {
		if !errors.Is(r.err, context.Canceled) || p.seq.ctx.Err() == nil {
			t.Errorf("%v", r.err)
		}
		if !isPrefix(p.told, want) {
			t.Errorf("until it was cancelled it was told %v, alone it gets %v", p.told, want)
		}
		return
	}
	if r.result.Cached = want.Cached; p.kind.score != nil {
		r.result.Prompt = p.seq.prompt
	}
	if !reflect.DeepEqual(r.result, want) {
		t.Errorf("%+v: got %+v, alone %+v", p.kind.req, r.result, want)
	}
	whole := len(p.told) == len(want.Tokens) || (want.Finish == FinishStop && len(p.kind.req.StopStrings) > 0)
	if !whole || !isPrefix(p.told, want) {
		t.Errorf("told %v, tokens %v", p.told, want.Tokens)
	}
}

func isPrefix(told []Token, r Result) bool {
	for i, t := range told {
		if i >= len(r.Tokens) || t.ID != r.Tokens[i] || t.LogProb != r.LogProbs[i] || (r.Top != nil && !reflect.DeepEqual(t.Top, r.Top[i])) {
			return false
		}
	}
	return true
}

// schedule plays what next, which draws below n, decides: sizes, arrivals and cancellations between rounds. Every round the pages are
// counted; at the end nobody has one.
func (a *arena) schedule(t testing.TB, next func(n int) int) Stats {
	t.Helper()
	m := a.models[next(len(a.models))]
	plays := make([]*play, 1+next(7))
	least := 0
	for i := range plays {
		plays[i] = a.kinds[next(len(a.kinds))].play()
		least = max(least, plays[i].seq.req.positions())
	}
	size := int(m.Options().PageSize)
	e, err := newEngine(m, Options{CacheTokens: int64((least+size-1)/size*size + size*next(5)), NoReuse: next(8) == 0, TokenBytes: letter})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.goesAhead = next(2) == 1
	l, coming := &line{}, plays
	for round := 0; len(coming) > 0 || len(l.waiting) > 0 || !l.idle(); round++ {
		if round > 5000 {
			t.Fatalf("no end: %d wait, %d run", len(l.waiting), len(l.running))
		}
		for len(coming) > 0 && (next(3) == 0 || (l.idle() && len(l.waiting) == 0)) {
			l.waiting, coming = append(l.waiting, coming[0].seq), coming[1:]
		}
		if next(12) == 0 {
			plays[next(len(plays))].cancel()
		}
		e.round(l)
		for _, p := range plays {
			select {
			case r := <-p.reply:
				p.check(t, r)
			default:
			}
		}
		countPages(t, e, l)
	}
	for _, p := range plays {
		if p.cancel(); !p.ended {
			t.Errorf("a request got no answer")
		}
	}
	if e.opt.NoReuse && e.Stats().Cached != 0 {
		t.Errorf("%d prompt tokens were found in a cache that keeps nothing", e.Stats().Cached)
	}
	if free := e.pool.available(); free != len(e.pool.pages) {
		t.Errorf("%d of %d pages are free at the end", free, len(e.pool.pages))
	}
	return e.Stats()
}

// countPages holds references to holders, and gauges to what there is.
func countPages(t testing.TB, e *Engine, l *line) {
	t.Helper()
	refs, used := make([]int, len(e.pool.pages)), 0
	for _, s := range l.running {
		for _, n := range s.pages {
			if refs[n]++; refs[n] == 1 {
				used++
			}
		}
	}
	for n := range refs {
		if refs[n] != e.pool.pages[n].refs {
			t.Fatalf("page %d has %d references, %d holders", n, e.pool.pages[n].refs, refs[n])
		}
	}
	for _, s := range l.waiting {
		if s.pages != nil {
			t.Fatalf("a request that waits holds %v", s.pages)
		}
	}
	got := e.Stats()
	if used+e.pool.available() != len(refs) || got.InUse != used || got.Pages != len(refs) || got.Running != len(l.running) || got.Waiting != len(l.waiting) {
		t.Fatalf("%d pages used, %d available; %+v", used, e.pool.available(), got)
	}
}

func TestSchedules(t *testing.T) {
	a, sum := openArena(t), Stats{}
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 2))
		s := a.schedule(t, rng.IntN)
		sum.Preempted, sum.Cached, sum.Generated = sum.Preempted+s.Preempted, sum.Cached+s.Cached, sum.Generated+s.Generated
		if t.Failed() {
			t.Fatalf("schedule %d", seed)
		}
	}
	if sum.Preempted < 200 || sum.Cached < 2000 {
		t.Errorf("schedules reach little: %+v", sum)
	}
	t.Logf("%d tokens generated, %d prompt tokens found, %d times preempted", sum.Generated, sum.Cached, sum.Preempted)
}

// The bytes of a fuzzed schedule are its decisions.
func FuzzSchedule(f *testing.F) {
	a := openArena(f)
	for seed := range uint64(20) {
		rng, data := rand.New(rand.NewPCG(seed, 3)), make([]byte, 200)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a.schedule(t, func(n int) int {
			if len(data) == 0 {
				return 0
			}
			d := int(data[0]) % n
			data = data[1:]
			return d
		})
	})
}

// Goroutines that come and go as they like: what the schedules above do not show is what is shared between them and the loop.
func TestConcurrentSchedules(t *testing.T) {
	a := openArena(t)
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 4))
		e, err := New(a.models[rng.IntN(len(a.models))], Options{CacheTokens: int64(64 + rng.IntN(100)), TokenBytes: letter})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 12 {
			k, cancels := &a.kinds[rng.IntN(len(a.kinds))], rng.IntN(4) == 0
			all.Go(func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				if cancels {
					go cancel()
				}
				if err := k.run(ctx, e); err != nil && !(cancels && errors.Is(err, context.Canceled)) {
					t.Errorf("schedule %d: %v", seed, err)
				}
				_ = e.Stats()
			})
		}
		all.Wait()
		if s := e.Stats(); s.Running+s.Waiting+s.InUse != 0 {
			t.Errorf("schedule %d: at the end %+v", seed, s)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func (k *kind) run(ctx context.Context, e *Engine) error {
	if k.score != nil {
		got, err := e.Score(ctx, []ScoreRequest{*k.score})
		if err != nil {
			return err
		}
		for i, t := range k.want.Prompt {
			if got[0].LogProbs[i] != t.LogProb || got[0].Greedy[i] != (t.Top[0].ID == t.ID) {
				return fmt.Errorf("scored %v, alone %v", got[0], k.want.Prompt)
			}
		}
		return nil
	}
	got, err := e.Generate(ctx, k.req)
	if got.Cached = k.want.Cached; err == nil && !reflect.DeepEqual(got, k.want) {
		return fmt.Errorf("got %+v, alone %+v", got, k.want)
	}
	return err
}
