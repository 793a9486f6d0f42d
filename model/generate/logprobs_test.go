package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/primer-lm/primer/model"
)

// The tokens beside a greedy one begin with it, fall, and are as many as asked for; asking changes nothing else.
func TestTopLogProbs(t *testing.T) {
	topLogProbs(t, open(t, model.InferOptions{Tokens: 64, Docs: 4, PageSize: 8}, Options{}))
}

func topLogProbs(t *testing.T, e *Engine) {
	plain := Request{Prompt: []int32{5, 9, 2}, MaxNewTokens: 12}
	asked := plain
	asked.TopLogProbs, asked.PromptLogProbs = 5, true
	both := together(t, e, []Request{plain, asked})
	if !reflect.DeepEqual(both[0].Tokens, both[1].Tokens) || !reflect.DeepEqual(both[0].LogProbs, both[1].LogProbs) || both[0].Top != nil || both[0].Prompt != nil {
		t.Errorf("%+v without, %+v with top tokens", both[0], both[1])
	}
	if len(both[1].Top) != 12 || len(both[1].Prompt) != 3 || both[1].Prompt[0].LogProb != 0 || both[1].Prompt[0].Top != nil || both[1].Prompt[0].ID != 5 {
		t.Fatalf("%+v", both[1])
	}
	for i, top := range both[1].Top {
		if len(top) != 5 || top[0] != (TokenProb{both[1].Tokens[i], both[1].LogProbs[i]}) {
			t.Errorf("token %d, %v at %v: %v", i, both[1].Tokens[i], both[1].LogProbs[i], top)
		}
	}
	for i, p := range both[1].Prompt[1:] {
		if len(p.Top) != 5 || p.ID != asked.Prompt[i+1] || !slices.IsSortedFunc(p.Top, func(a, b TokenProb) int {
			if a.LogProb > b.LogProb || (a.LogProb == b.LogProb && a.ID < b.ID) {
				return -1
			}
			return 1
		}) {
			t.Errorf("prompt token %d: %v", i+1, p)
		}
	}
}

// With all of the vocabulary beside it, probabilities add up to 1, and a token's own is among them.
func TestTopLogProbsAreProbabilities(t *testing.T) {
	e := open(t, model.InferOptions{Tokens: 64, Docs: 4, PageSize: 8}, Options{})
	res, err := e.Generate(context.Background(), Request{Prompt: []int32{5, 9, 2, 4}, MaxNewTokens: 0, PromptLogProbs: true, TopLogProbs: MaxTopLogProbs})
	if err != nil || len(res.Tokens) != 0 || res.Finish != FinishLength {
		t.Fatalf("%+v, %v", res, err)
	}
	for _, p := range res.Prompt[1:] {
		sum := 0.0
		for _, top := range p.Top {
			if sum += math.Exp(float64(top.LogProb)); top.ID == p.ID && top.LogProb != p.LogProb {
				t.Errorf("%v", p)
			}
		}
		if len(p.Top) != MaxTopLogProbs || !(sum > 0.5 && sum <= 1+1e-5) {
			t.Errorf("%d tokens have %v of the probability", len(p.Top), sum)
		}
	}
	one, err := e.Generate(context.Background(), Request{Prompt: []int32{5}, PromptLogProbs: true})
	if err != nil || !reflect.DeepEqual(one.Prompt, []Token{{ID: 5}}) {
		t.Errorf("a prompt of one token: %+v, %v", one, err)
	}
	if s := e.Stats(); s.Generated != 0 {
		t.Errorf("%+v", s)
	}
}

// What was generated has, as a prompt and as a continuation, the log-probabilities that it was generated with, to the bit: whole, in
// chunks that the logits or the rows of a step limit, and though its beginning is in the cache.
func TestPromptsAndScoresAgreeWithGeneration(t *testing.T) {
	for _, o := range []model.InferOptions{{Tokens: 64, Docs: 4, PageSize: 8}, {Tokens: 64, Docs: 4, PageSize: 4, LogitRows: 5}, {Tokens: 6, Docs: 4, PageSize: 4}} {
		e := open(t, o, Options{})
		r := Request{Prompt: []int32{5, 9, 2, 30, 31, 8, 1, 2, 3, 4}, MaxNewTokens: 40}
		res, err := e.Generate(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		whole := slices.Concat(r.Prompt, res.Tokens)
		for range 2 {
			again, err := e.Generate(context.Background(), Request{Prompt: whole, PromptLogProbs: true})
			if err != nil || again.Cached != 0 || len(again.Prompt) != len(whole) {
				t.Fatalf("%+v, %v", again, err)
			}
			scores, err := e.Score(context.Background(), []ScoreRequest{{Prompt: r.Prompt, Continuation: res.Tokens}})
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range res.LogProbs {
				if got := again.Prompt[len(r.Prompt)+i]; got.LogProb != p || got.ID != res.Tokens[i] || scores[0].LogProbs[i] != p || !scores[0].Greedy[i] {
					t.Errorf("%+v: token %d was generated at %v, as a prompt it has %v, as a continuation %v", o, i, p, got, scores[0].LogProbs[i])
				}
			}
		}
	}
}

// Requests with one prompt that wait together compute it once, and get what each gets alone.
func TestScoresOfOnePromptShareIt(t *testing.T) {
	var requests []ScoreRequest
	for q := range int32(4) {
		for o := range int32(4) {
			requests = append(requests, ScoreRequest{Prompt: []int32{1 + q, 2, 3, 4, 5, 6, 7, 8, 9}, Continuation: []int32{10 + o, 20 + q, 5}})
		}
	}
	opt := model.InferOptions{Tokens: 128, Docs: 8, PageSize: 4}
	e, alone := open(t, opt, Options{}), open(t, opt, Options{NoReuse: true})
	began, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	hold := func(Token) { // the loop stands still until requests wait
		close(began)
		<-release
	}
	go func() {
		_, err := e.Generate(context.Background(), Request{Prompt: []int32{1}, MaxNewTokens: 1, OnToken: hold})
		done <- err
	}()
	<-began
	var got []ScoreResult
	go func() {
		var err error
		got, err = e.Score(context.Background(), requests)
		done <- err
	}()
	for e.Stats().Waiting < len(requests) {
		time.Sleep(time.Millisecond)
	}
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range requests {
		want, err := alone.Score(context.Background(), []ScoreRequest{r})
		if err != nil || !reflect.DeepEqual(got[i], want[0]) {
			t.Errorf("request %d: %v, alone %v, %v", i, got[i], want, err)
		}
	}
	if s := e.Stats(); s.Cached != 12*8 { // eight of nine tokens fill pages; the first of each four computes them
		t.Errorf("%d prompt tokens were found in the cache, want %d", s.Cached, 12*8)
	}
}

func TestFirstsAhead(t *testing.T) {
	prompts := map[rune][]int32{'a': {1}, 'b': {1, 2}, 'c': {3}}
	for _, c := range []struct {
		in    string
		block int
		want  []int
	}{
		{"aaabbbcc", 2, []int{0, 3, 1, 2, 4, 5, 6, 7}}, {"aaabbbcc", 9, []int{0, 3, 6, 1, 2, 4, 5, 7}}, {"abcabc", 1, []int{0, 1, 2, 3, 4, 5}}, {"", 4, []int{}},
	} {
		var requests []ScoreRequest
		for _, p := range c.in {
			requests = append(requests, ScoreRequest{Prompt: prompts[p]})
		}
		if got := firstsAhead(requests, c.block); !slices.Equal(got, c.want) {
			t.Errorf("%s by %d: %v, want %v", c.in, c.block, got, c.want)
		}
	}
}

// A score takes over what is in the cache, and runs beside what generates: neither waits for the other's end.
func TestScoreRunsBesideGeneration(t *testing.T) {
	e := open(t, model.InferOptions{Tokens: 64, Docs: 4, PageSize: 4}, Options{})
	asked := []ScoreRequest{{Prompt: []int32{1, 2, 3, 4, 5, 6, 7, 8, 9}, Continuation: []int32{4, 5}}}
	scored, err := e.Score(context.Background(), asked)
	if err != nil {
		t.Fatal(err)
	}
	before := e.Stats()
	began, release := make(chan struct{}), make(chan struct{})
	long := Request{Prompt: []int32{1}, MaxNewTokens: 60}
	tokens := 0
	long.OnToken = func(Token) {
		if tokens++; tokens == 60 && e.Stats().Finished != before.Finished+1 {
			t.Error("the score waits for all that is generated")
		}
		if began != nil {
			close(began)
			began = nil
			<-release
		}
	}
	wait := began
	done := make(chan error, 2)
	go func() {
		_, err := e.Generate(context.Background(), long)
		done <- err
	}()
	<-wait
	go func() {
		again, err := e.Score(context.Background(), asked)
		if err == nil && !reflect.DeepEqual(again, scored) {
			err = fmt.Errorf("%v, alone %v", again, scored)
		}
		done <- err
	}()
	for e.Stats().Waiting < 1 { // the loop stands in OnToken
		time.Sleep(time.Millisecond)
	}
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if s := e.Stats(); s.Cached != before.Cached+8 || s.Finished != before.Finished+2 {
		t.Errorf("before %+v, behind it %+v", before, s)
	}
}

func TestScoreRefusals(t *testing.T) {
	e := open(t, model.InferOptions{Tokens: 16, Docs: 2, PageSize: 4}, Options{CacheTokens: 40})
	long := make([]int32, 41)
	for name, c := range map[string]struct {
		r    ScoreRequest
		want error
	}{
		"empty prompt": {ScoreRequest{Continuation: []int32{1}}, ErrBadRequest}, "empty continuation": {ScoreRequest{Prompt: []int32{1}}, ErrBadRequest},
		"outside": {ScoreRequest{Prompt: []int32{1}, Continuation: []int32{testVocab}}, ErrBadRequest},
		"cache":   {ScoreRequest{Prompt: long, Continuation: []int32{1}}, ErrTooLong}, "window": {ScoreRequest{Prompt: long, Continuation: long}, ErrTooLong},
	} {
		if _, err := e.Score(context.Background(), []ScoreRequest{{Prompt: []int32{1}, Continuation: []int32{2}}, c.r}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := e.Score(context.Background(), nil); err != nil || len(got) != 0 {
		t.Errorf("none: %v, %v", got, err)
	}
	if got, err := e.Score(context.Background(), []ScoreRequest{{Prompt: long[:40], Continuation: []int32{1}}}); err != nil || len(got[0].LogProbs) != 1 {
		t.Errorf("as long as the cache: %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := e.Score(ctx, []ScoreRequest{{Prompt: []int32{1}, Continuation: []int32{2}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
