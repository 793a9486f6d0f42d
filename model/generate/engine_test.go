package generate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
)

const testVocab, testWindow = 50, 64

func testConfig() *model.Config {
	return &model.Config{ModelType: model.Mistral, VocabSize: testVocab, HiddenSize: 16, IntermediateSize: 24, NumHiddenLayers: 2, NumHeads: 2,
		NumKeyValueHeads: 1, HeadDim: 8, MaxPositions: testWindow, HiddenAct: "silu", RMSNormEps: 1e-5, SlidingWindow: 20,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.5}
}

// random opens a two-layer model of random weights.
func random(t testing.TB, b kernels.Backend, o model.InferOptions) *model.Model {
	t.Helper()
	c := testConfig()
	trainer, err := model.OpenTrainer(b, c, model.Options{Tokens: 2, Math: kernels.F32})
	if err != nil {
		t.Fatal(err)
	}
	if err := trainer.Initialize(7); err != nil {
		t.Fatal(err)
	}
	m, err := trainer.Inference(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(); trainer.Close() })
	return m
}

func open(t testing.TB, o model.InferOptions, opt Options) *Engine {
	t.Helper()
	return engine(t, openCPU(t), o, opt)
}

// openCPU opens the CPU with one thread: the models here are too small for more, and bits do not depend on it.
func openCPU(t testing.TB) kernels.Backend {
	t.Helper()
	b, err := cpu.Open(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func openDevice(t testing.TB, name string) kernels.Backend {
	t.Helper()
	b, err := device.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func engine(t testing.TB, b kernels.Backend, o model.InferOptions, opt Options) *Engine {
	t.Helper()
	e, err := New(random(t, b, o), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// requests of many kinds, some of which begin alike.
func requests(n int, seed uint64) []Request {
	rng := rand.New(rand.NewPCG(seed, 1))
	head := make([]int32, 24)
	for i := range head {
		head[i] = int32(rng.IntN(testVocab))
	}
	var out []Request
	for i := range n {
		prompt := append([]int32(nil), head[:rng.IntN(len(head))]...)
		for range 1 + rng.IntN(12) {
			prompt = append(prompt, int32(rng.IntN(testVocab)))
		}
		r := Request{Prompt: prompt, MaxNewTokens: 1 + rng.IntN(testWindow-len(prompt)), StopIDs: []int32{3}}
		if i%2 == 1 {
			r.Temperature, r.TopK, r.TopP, r.Seed = 0.9, 20, 0.95, uint64(i)
		}
		out = append(out, r)
	}
	return out
}

func alone(t *testing.T, e *Engine, rs []Request) []Result {
	t.Helper()
	var out []Result
	for _, r := range rs {
		res, err := e.Generate(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		res.Cached = 0
		out = append(out, res)
	}
	return out
}

// What a request gets, tokens and log-probabilities, does not depend on batch, chunks, cache size or cache hits, nor on whether
// steps are issued before the tokens of the step before are looked at.
func TestBatchedEqualsAloneBitForBit(t *testing.T) {
	rs := requests(40, 1)
	want := alone(t, open(t, model.InferOptions{Tokens: 64, Docs: 1, PageSize: 16}, Options{CacheTokens: 64}), rs)
	for _, c := range []struct {
		tokens, docs, page, cache int64
		ahead                     bool
	}{{64, 8, 4, 1000, false}, {9, 8, 4, 200, false}, {5, 5, 16, 80, false}, {128, 32, 8, 4000, false},
		{64, 8, 4, 1000, true}, {9, 8, 4, 200, true}, {5, 5, 16, 80, true}, {128, 32, 8, 4000, true}, {64, 1, 16, 64, true}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			e := open(t, model.InferOptions{Tokens: c.tokens, Docs: c.docs, PageSize: c.page}, Options{CacheTokens: c.cache})
			e.goesAhead = c.ahead
			for round := range 2 { // the second finds prompts in the cache
				got := together(t, e, rs)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("round %d differs from one at a time", round)
				}
			}
			s, new := e.Stats(), 0
			for _, r := range want {
				new += 2 * len(r.Tokens)
				if r.Finish == FinishStop {
					new += 2 // the stop itself
				}
			}
			if s.Generated != int64(new) {
				t.Errorf("%d tokens were drawn for somebody, %d are in the results", s.Generated, new)
			}
			if s.Finished != 80 || (c.cache == 4000 && s.Cached == 0) {
				t.Errorf("stats %+v", s)
			}
			if free := e.pool.available(); free != len(e.pool.pages) {
				t.Errorf("%d of %d pages are free at the end", free, len(e.pool.pages))
			}
		})
	}
}

func together(t *testing.T, e *Engine, rs []Request) []Result {
	t.Helper()
	out := make([]Result, len(rs))
	var all sync.WaitGroup
	for i, r := range rs {
		all.Go(func() {
			res, err := e.Generate(context.Background(), r)
			if err != nil {
				t.Error(err)
			}
			res.Cached = 0
			out[i] = res
		})
	}
	all.Wait()
	return out
}

// Generated tokens score as they were generated: the cached path and the whole forward pass agree.
func TestScoreAgreesWithGeneration(t *testing.T) {
	scoreAgrees(t, open(t, model.InferOptions{Tokens: 64, Docs: 8, PageSize: 8}, Options{}))
}

func scoreAgrees(t *testing.T, e *Engine) {
	r := Request{Prompt: []int32{5, 9, 2}, MaxNewTokens: 40}
	res, err := e.Generate(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	one := ScoreRequest{Prompt: r.Prompt, Continuation: res.Tokens}
	short := ScoreRequest{Prompt: r.Prompt, Continuation: res.Tokens[:1]}
	scores, err := e.Score(context.Background(), []ScoreRequest{one, short, short, short, short, short, short, short, short, short, short})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range scores[0].LogProbs {
		if d := float64(p - res.LogProbs[i]); !(d*d <= 1e-10) || !scores[0].Greedy[i] {
			t.Errorf("token %d: scored %v (greedy %v), generated at %v", i, p, scores[0].Greedy[i], res.LogProbs[i])
		}
	}
}

func TestStopsAhead(t *testing.T) {
	e := open(t, model.InferOptions{Tokens: 64, Docs: 4, PageSize: 8}, Options{TokenBytes: letter})
	e.goesAhead = true
	stops(t, e)
}

func TestStops(t *testing.T) {
	stops(t, open(t, model.InferOptions{Tokens: 64, Docs: 4, PageSize: 8}, Options{TokenBytes: letter}))
}

// letter is what a token of the tests adds to a text.
func letter(id int32) []byte { return []byte{byte('a' + id%26)} }

func stops(t *testing.T, e *Engine) {
	base, err := e.Generate(context.Background(), Request{Prompt: []int32{1, 2}, MaxNewTokens: 30})
	if err != nil || base.Finish != FinishLength || len(base.Tokens) != 30 {
		t.Fatalf("%+v, %v", base, err)
	}
	stop := base.Tokens[10]
	first := 0
	for base.Tokens[first] != stop {
		first++
	}
	byID, err := e.Generate(context.Background(), Request{Prompt: []int32{1, 2}, MaxNewTokens: 30, StopIDs: []int32{stop}})
	if err != nil || byID.Finish != FinishStop || !reflect.DeepEqual(byID.Tokens, base.Tokens[:first]) {
		t.Errorf("stop id: %+v, %v", byID, err)
	}
	word := string(letter(base.Tokens[7])) + string(letter(base.Tokens[8]))
	byText, err := e.Generate(context.Background(), Request{Prompt: []int32{1, 2}, MaxNewTokens: 30, StopStrings: []string{"??", word}})
	if err != nil || byText.Finish != FinishStop || len(byText.Text) > 7 || len(byText.Text) != len(byText.Tokens)-2 {
		t.Errorf("stop string: %+v, %v", byText, err)
	}
	least, err := e.Generate(context.Background(), Request{Prompt: []int32{1, 2}, MaxNewTokens: 30, MinNewTokens: 30, StopIDs: []int32{stop}})
	if err != nil || len(least.Tokens) != 30 {
		t.Errorf("minimum: %+v, %v", least, err)
	}
}

func TestBadRequestsAndEndings(t *testing.T) {
	badRequests(t, open(t, model.InferOptions{Tokens: 16, Docs: 4, PageSize: 8}, Options{CacheTokens: 40}))
}

func badRequests(t *testing.T, e *Engine) {
	for name, c := range map[string]struct {
		r    Request
		want error
	}{
		"empty prompt":   {Request{MaxNewTokens: 1}, ErrBadRequest},
		"no new tokens":  {Request{Prompt: []int32{1}}, ErrBadRequest},
		"too long":       {Request{Prompt: []int32{1}, MaxNewTokens: testWindow}, ErrTooLong},
		"over the cache": {Request{Prompt: []int32{1}, MaxNewTokens: 50}, ErrTooLong},
		"outside":        {Request{Prompt: []int32{testVocab}, MaxNewTokens: 1}, ErrBadRequest},
		"top_p":          {Request{Prompt: []int32{1}, MaxNewTokens: 1, TopP: 2}, ErrBadRequest},
		"no text":        {Request{Prompt: []int32{1}, MaxNewTokens: 1, StopStrings: []string{"a"}}, ErrBadRequest},
	} {
		if _, err := e.Generate(context.Background(), c.r); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Generate(ctx, Request{Prompt: []int32{1}, MaxNewTokens: 5}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := e.Generate(context.Background(), Request{Prompt: []int32{1}, MaxNewTokens: 5}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// The pool keeps count under random use: no page has two owners unless its content is the same.
func TestPoolAccounting(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	p := newPool(12, 2)
	var held [][]int32
	for range 3000 {
		if len(held) > 0 && (rng.IntN(2) == 0 || p.available() < 4) {
			i := rng.IntN(len(held))
			p.release(held[i])
			held = append(held[:i], held[i+1:]...)
			continue
		}
		tokens := []int32{int32(rng.IntN(2)), 0, int32(rng.IntN(2)), 0, int32(rng.IntN(2)), 0}
		pages := p.match(tokens)
		p.retain(pages)
		for len(pages) < 3 && p.available() > 0 {
			n := p.take()
			before := int32(-1)
			if len(pages) > 0 {
				before = pages[len(pages)-1]
			}
			pages = append(pages, n)
			p.remember(n, before, tokens[2*len(pages)-2:2*len(pages)])
		}
		held = append(held, pages)
		refs := map[int32]int{}
		for _, h := range held {
			for _, n := range h {
				refs[n]++
			}
		}
		for n := range p.pages {
			if p.pages[n].refs != refs[int32(n)] {
				t.Fatalf("page %d has %d references, %d holders", n, p.pages[n].refs, refs[int32(n)])
			}
		}
		if used := len(refs); used+p.available() != 12 {
			t.Fatalf("%d used, %d available of 12", used, p.available())
		}
	}
}
