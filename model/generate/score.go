package generate

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Score computes the log-probabilities of given continuations, in the order of the requests. They run beside all else. At most twice
// as many as the engine computes together are handed over, so that some always wait, and who generates meanwhile waits behind no more
// than these. A beginning that is in the cache is not computed again: of requests with one prompt, as the options of a question are,
// the first of each goes ahead. The first failure ends the rest. A request takes as many positions of the window as it has tokens, without
// the last.
func (e *Engine) Score(ctx context.Context, requests []ScoreRequest) ([]ScoreResult, error) {
	for i, r := range requests {
		if err := e.checkScore(i, r); err != nil {
			return nil, err
		}
	}
	together, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out, next := make([]ScoreResult, len(requests)), make(chan int)
	var all sync.WaitGroup
	for range min(len(requests), 2*e.seats) {
		all.Go(func() {
			for i := range next {
				var err error
				if out[i], err = e.score(together, requests[i]); err != nil {
					cancel(err) // the first is kept
				}
			}
		})
	}
	for _, i := range firstsAhead(requests, e.seats) {
		next <- i
	}
	close(next)
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := context.Cause(together); err != nil {
		return nil, err
	}
	return out, nil
}

// firstsAhead orders requests in blocks of so many prompts: the first request of each of them, then the others, which find the
// prompt in the cache. Question by question, the options of each would wait for its first, and steps would be small.
func firstsAhead(requests []ScoreRequest, block int) []int {
	order := make([]int, 0, len(requests))
	seen, rest := map[string]bool{}, []int(nil)
	for i, r := range requests {
		key := tokenKey(r.Prompt)
		if seen[key] {
			rest = append(rest, i)
			continue
		}
		if len(seen) == block {
			order, rest = append(order, rest...), rest[:0]
			clear(seen)
		}
		seen[key] = true
		order = append(order, i)
	}
	return append(order, rest...)
}

func (e *Engine) checkScore(i int, r ScoreRequest) error {
	if len(r.Prompt) == 0 || len(r.Continuation) == 0 {
		return fmt.Errorf("%w: request %d has an empty prompt or continuation", ErrBadRequest, i)
	}
	q := Request{Prompt: slices.Concat(r.Prompt, r.Continuation), PromptLogProbs: true}
	if err := e.check(&q); err != nil {
		return fmt.Errorf("request %d: %w", i, err)
	}
	return nil
}

// score is a request for nothing new, of whose prompt the rows before the continuation are not wanted. The most probable token is
// asked for beside each.
func (e *Engine) score(ctx context.Context, r ScoreRequest) (ScoreResult, error) {
	out := make(chan reply, 1)
	s := newSequence(ctx, Request{Prompt: slices.Concat(r.Prompt, r.Continuation), TopLogProbs: 1}, e.m.Config().VocabSize, out)
	s.want = len(r.Prompt) - 1
	if err := e.hand(ctx, s); err != nil {
		return ScoreResult{}, err
	}
	if answer := <-out; answer.err != nil {
		return ScoreResult{}, answer.err
	}
	var scores ScoreResult
	for _, t := range s.prompt {
		scores.LogProbs = append(scores.LogProbs, t.LogProb)
		scores.Greedy = append(scores.Greedy, t.ID == t.Top[0].ID)
	}
	return scores, nil
}
