package serve

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/primer-lm/primer/model/generate"
)

// fake is an engine that says what a test wants, a token each pause.
type fake struct {
	script  func(r generate.Request, i int) generate.Token // token i of a continuation
	pause   time.Duration
	finish  generate.Finish
	fail    error // instead of an answer
	running atomic.Int64
	tokens  atomic.Int64 // computed, over all requests
}

func (f *fake) Generate(ctx context.Context, r generate.Request) (generate.Result, error) {
	f.running.Add(1)
	defer f.running.Add(-1)
	if f.fail != nil {
		return generate.Result{}, f.fail
	}
	out := generate.Result{Finish: generate.FinishLength}
	if f.finish != "" {
		out.Finish = f.finish
	}
	if r.PromptLogProbs {
		for i, id := range r.Prompt {
			t := generate.Token{ID: id}
			if i > 0 {
				t = f.script(r, i-len(r.Prompt))
				t.ID = id
			}
			out.Prompt = append(out.Prompt, t)
		}
	}
	for i := range r.MaxNewTokens {
		select {
		case <-time.After(f.pause):
		case <-ctx.Done():
			return out, ctx.Err()
		}
		t := f.script(r, i)
		if len(r.StopIDs) > 0 && t.ID == r.StopIDs[0] && i >= r.MinNewTokens {
			out.Finish = generate.FinishStop
			break
		}
		f.tokens.Add(1)
		out.Tokens, out.LogProbs, out.Top = append(out.Tokens, t.ID), append(out.LogProbs, t.LogProb), append(out.Top, t.Top)
		if r.OnToken != nil {
			r.OnToken(t)
		}
	}
	return out, nil
}

func (f *fake) Score(_ context.Context, requests []generate.ScoreRequest) (out []generate.ScoreResult, err error) {
	for _, r := range requests {
		s := generate.ScoreResult{}
		for i := range r.Continuation {
			s.LogProbs = append(s.LogProbs, -float32(len(r.Prompt)+i)/100)
		}
		out = append(out, s)
	}
	return out, nil
}

func (f *fake) Stats() generate.Stats { return generate.Stats{Running: int(f.running.Load())} }

// saying is a script that repeats ids.
func saying(ids ...int32) func(generate.Request, int) generate.Token {
	return func(_ generate.Request, i int) generate.Token {
		return generate.Token{ID: ids[i%len(ids)], LogProb: -1}
	}
}

// with puts a fake in the engine's place; the real one is closed with the rest.
func with(f *fake) func(*Parts) { return func(p *Parts) { p.Engine = f } }
