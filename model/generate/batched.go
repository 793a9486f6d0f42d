package generate

import (
	"context"
	"fmt"
	"slices"

	"github.com/primer-lm/primer/model"
)

// Forward is a model that scores ragged batches; *model.Trainer and *model.Model are.
type Forward interface {
	Score(*model.Batch) (*model.Scores, error)
}

// Batched scores requests with whole forward passes, many documents at a time, longest first. A document's numbers do not
// depend on what stands beside it. One goroutine uses it at a time.
type Batched struct {
	Model  Forward
	Tokens int // rows of a batch at most, as the model was opened
	Docs   int // requests of a batch at most; 0: as many as rows
}

// Score returns results in the order of the requests.
func (b Batched) Score(ctx context.Context, requests []ScoreRequest) ([]ScoreResult, error) {
	order := make([]int, len(requests))
	for i, r := range requests {
		if len(r.Prompt) == 0 || len(r.Continuation) == 0 {
			return nil, fmt.Errorf("%w: request %d has an empty prompt or continuation", ErrBadRequest, i)
		}
		if rows(r) > b.Tokens {
			return nil, fmt.Errorf("%w: request %d has %d tokens, the model is open for %d", ErrBadRequest, i, rows(r), b.Tokens)
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return rows(requests[y]) - rows(requests[x]) })
	out := make([]ScoreResult, len(requests))
	for len(order) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, total := 0, 0
		for n < len(order) && (b.Docs == 0 || n < b.Docs) && total+rows(requests[order[n]]) <= b.Tokens {
			total += rows(requests[order[n]])
			n++
		}
		if err := b.pass(requests, order[:n], out); err != nil {
			return nil, err
		}
		order = order[n:]
	}
	return out, nil
}

// rows is what a request takes: the last token is predicted, never fed.
func rows(r ScoreRequest) int { return len(r.Prompt) + len(r.Continuation) - 1 }

// pass scores some of the requests in one forward pass.
func (b Batched) pass(requests []ScoreRequest, which []int, out []ScoreResult) error {
	batch := &model.Batch{CuLens: []int32{0}, Scale: 1}
	for _, i := range which {
		r := requests[i]
		ids := slices.Concat(r.Prompt, r.Continuation)
		batch.Tokens = append(batch.Tokens, ids[:len(ids)-1]...)
		batch.Targets = append(batch.Targets, ids[1:]...)
		for at := range len(ids) - 1 {
			mask := uint8(0)
			if at >= len(r.Prompt)-1 {
				mask = 1
			}
			batch.Mask = append(batch.Mask, mask)
		}
		batch.CuLens = append(batch.CuLens, int32(len(batch.Tokens)))
	}
	scores, err := b.Model.Score(batch)
	if err != nil {
		return err
	}
	for k, i := range which {
		r := requests[i]
		from := int(batch.CuLens[k]) + len(r.Prompt) - 1
		for j := range r.Continuation {
			out[i].LogProbs = append(out[i].LogProbs, -scores.NLL[from+j])
			out[i].Greedy = append(out[i].Greedy, scores.ArgMax[from+j] == r.Continuation[j])
		}
	}
	return nil
}
