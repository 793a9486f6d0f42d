package generate

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/primer-lm/primer/model"
)

// echo is a model whose loss at a row is 100·token + target, and whose arg max is token + 1.
type echo struct{ batches [][]int32 }

func (e *echo) Score(b *model.Batch) (*model.Scores, error) {
	e.batches = append(e.batches, b.CuLens)
	out := &model.Scores{NLL: make([]float32, len(b.Tokens)), ArgMax: make([]int32, len(b.Tokens))}
	for i, t := range b.Tokens {
		if b.Mask[i] != 0 {
			out.NLL[i], out.ArgMax[i] = float32(100*t+b.Targets[i]), t+1
		}
	}
	return out, nil
}

func TestBatchedPutsResultsBackInOrder(t *testing.T) {
	e := &echo{}
	requests := []ScoreRequest{
		{Prompt: []int32{1}, Continuation: []int32{2}},
		{Prompt: []int32{1, 2, 3}, Continuation: []int32{4, 9}},
		{Prompt: []int32{7, 8}, Continuation: []int32{9}},
	}
	got, err := Batched{Model: e, Tokens: 5}.Score(context.Background(), requests)
	want := []ScoreResult{
		{LogProbs: []float32{-102}, Greedy: []bool{true}},
		{LogProbs: []float32{-304, -409}, Greedy: []bool{true, false}},
		{LogProbs: []float32{-809}, Greedy: []bool{true}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if !reflect.DeepEqual(e.batches, [][]int32{{0, 4}, {0, 2, 3}}) {
		t.Errorf("batches %v", e.batches)
	}
	if _, err := (Batched{Model: e, Tokens: 9, Docs: 2}).Score(context.Background(), requests); err != nil || len(e.batches) != 4 || len(e.batches[2]) != 3 {
		t.Errorf("two documents a batch: %v, %v", e.batches, err)
	}
	if _, err := (Batched{Model: e, Tokens: 3}).Score(context.Background(), requests); !errors.Is(err, ErrBadRequest) {
		t.Errorf("too long: %v", err)
	}
}
