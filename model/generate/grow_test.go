package generate

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/primer-lm/primer/model"
)

// atOnce plays requests that come in the same round, on an engine whose loop does not run, and closes it.
func atOnce(t *testing.T, e *Engine, rs []Request) (out []Result) {
	t.Helper()
	l, replies := &line{}, make([]chan reply, len(rs))
	for i, r := range rs {
		replies[i] = make(chan reply, 1)
		l.waiting = append(l.waiting, newSequence(context.Background(), r, testVocab, replies[i]))
	}
	for round := 0; len(l.waiting) > 0 || !l.idle(); round++ {
		if e.round(l); round > 5000 {
			t.Fatalf("no end: %d wait, %d run", len(l.waiting), len(l.running))
		}
	}
	for i := range rs {
		r := <-replies[i]
		if r.err != nil {
			t.Errorf("request %d: %v", i, r.err)
		}
		r.result.Cached = 0
		out = append(out, r.result)
	}
	if free := e.pool.available(); free != len(e.pool.pages) {
		t.Errorf("%d of %d pages are free at the end", free, len(e.pool.pages))
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	return out
}

func still(t *testing.T, o model.InferOptions, opt Options) *Engine {
	t.Helper()
	e, err := newEngine(random(t, openCPU(t), o), opt)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Sixteen requests in an eighth of the pages that they come to need: they are preempted, all the same they get what they get alone,
// and what is computed twice stays in bounds.
func TestEighthOfTheCache(t *testing.T) {
	var rs []Request
	for i := range int32(16) {
		r := Request{Prompt: []int32{i, 2, 3, 40 - i}, MaxNewTokens: 40}
		if i%2 == 1 {
			r.Temperature, r.Seed, r.RepetitionPenalty = 0.8, uint64(i), 1.2
		}
		rs = append(rs, r)
	}
	alone := alone(t, open(t, model.InferOptions{Tokens: 64, Docs: 1, PageSize: 16}, Options{CacheTokens: 64}), rs)
	for _, ahead := range []bool{false, true} {
		e := still(t, model.InferOptions{Tokens: 64, Docs: 16, PageSize: 4}, Options{CacheTokens: 16 * 44 / 8})
		e.goesAhead = ahead
		if got := atOnce(t, e, rs); !reflect.DeepEqual(got, alone) {
			t.Errorf("ahead %v: %v, alone %v", ahead, got, alone)
		}
		s := e.Stats()
		if least := int64(16 * 43); s.Preempted == 0 || s.Rows*2 > least*3-64 { // without a page to spare for each: 41 times, 1,048 rows
			t.Errorf("ahead %v: %d times preempted, %d rows computed, at least %d are needed", ahead, s.Preempted, s.Rows, least)
		}
		t.Logf("ahead %v: %d times preempted, %d rows computed", ahead, s.Preempted, s.Rows)
	}
}

// Several continuations of one prompt compute its whole pages once, though they come together.
func TestOnePromptIsComputedOnce(t *testing.T) {
	e := still(t, model.InferOptions{Tokens: 16, Docs: 8, PageSize: 8}, Options{})
	var rs []Request
	for seed := range uint64(5) {
		rs = append(rs, Request{Prompt: make([]int32, 36), MaxNewTokens: 3, Temperature: 1, Seed: seed})
	}
	atOnce(t, e, rs)
	if s := e.Stats(); s.Cached != 4*32 || s.Rows != 36+4*4+5*2 {
		t.Errorf("%+v", s)
	}
}

// A request that fills the cache to its last position ends; one position more is refused.
func TestOneRequestFillsTheCache(t *testing.T) {
	e := open(t, model.InferOptions{Tokens: 16, Docs: 4, PageSize: 4}, Options{CacheTokens: 20})
	whole := Request{Prompt: []int32{1, 2, 3}, MaxNewTokens: 18} // of 21 tokens the last is not computed
	for _, res := range together(t, e, []Request{whole, whole, whole}) {
		if len(res.Tokens) != 18 || res.Finish != FinishLength {
			t.Errorf("%+v", res)
		}
	}
	whole.MaxNewTokens++
	if _, err := e.Generate(context.Background(), whole); !errors.Is(err, ErrTooLong) {
		t.Errorf("one more: %v", err)
	}
}

// A cancelled request's pages are another's within a round.
func TestCancelledFreesItsPages(t *testing.T) {
	e := open(t, model.InferOptions{Tokens: 16, Docs: 4, PageSize: 4}, Options{CacheTokens: 40})
	ctx, cancel := context.WithCancel(context.Background())
	r, used, seen := Request{Prompt: []int32{1, 2, 3}, MaxNewTokens: 37}, 0, 0
	r.OnToken = func(Token) {
		if seen++; seen == 10 {
			used = e.Stats().InUse
			cancel()
		}
	}
	if _, err := e.Generate(ctx, r); !errors.Is(err, context.Canceled) || seen != 10 || used != 3 {
		t.Errorf("%v after %d tokens, %d pages in use", err, seen, used)
	}
	if s := e.Stats(); s.InUse != 0 || s.Running != 0 {
		t.Errorf("%+v", s)
	}
}
