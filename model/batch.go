package model

import "fmt"

// Batch is one micro-batch of training or scoring: documents one after another, without padding. Tuning, pre-training and
// instruction tuning differ only in what is put in it.
type Batch struct {
	Tokens    []int32 // [N]
	Targets   []int32 // [N] the token that row n should predict
	Positions []int32 // [N] position in the document; nil: from 0 in each
	Mask      []uint8 // [N] 0: no loss in this row; nil: loss in every row
	CuLens    []int32 // [S+1] document s holds rows CuLens[s] to CuLens[s+1]; attention does not cross
	Scale     float32 // 1/(loss tokens of the whole step, over all micro-batches and ranks)

	// What the random numbers of dropout depend on. Sample and Token are global within the step, over micro-batches and ranks.
	Seed, Step    int64
	Sample, Token int64 // of the first document, of the first row
}

// check holds a batch to the model and the plan.
func (b *Batch) check(vocab, maxTokens, maxDocs, maxLen int64) error {
	n := int64(len(b.Tokens))
	switch {
	case n < 1 || n > maxTokens:
		return fmt.Errorf("%w: %d tokens, opened for 1 to %d", ErrBatch, n, maxTokens)
	case int64(len(b.Targets)) != n || (b.Positions != nil && int64(len(b.Positions)) != n) || (b.Mask != nil && int64(len(b.Mask)) != n):
		return fmt.Errorf("%w: %d tokens, %d targets, %d positions, %d mask bytes: lengths differ", ErrBatch, n, len(b.Targets), len(b.Positions), len(b.Mask))
	}
	if err := checkRows(b.Tokens, b.CuLens, b.Positions, vocab, maxDocs, maxLen); err != nil {
		return err
	}
	for i, t := range b.Targets {
		if (b.Mask == nil || b.Mask[i] != 0) && (t < 0 || int64(t) >= vocab) {
			return fmt.Errorf("%w: target %d of row %d is outside the vocabulary of %d", ErrBatch, t, i, vocab)
		}
	}
	return nil
}

// checkRows is what training, scoring and generation ask alike of tokens, documents and positions.
func checkRows(tokens, culens, positions []int32, vocab, maxDocs, maxLen int64) error {
	n := int64(len(tokens))
	docs := int64(len(culens)) - 1
	if docs < 1 || docs > maxDocs {
		return fmt.Errorf("%w: %d documents, opened for 1 to %d", ErrBatch, docs, maxDocs)
	}
	if culens[0] != 0 || int64(culens[docs]) != n {
		return fmt.Errorf("%w: documents span rows %d to %d of %d", ErrBatch, culens[0], culens[docs], n)
	}
	for s := range docs {
		if l := int64(culens[s+1]) - int64(culens[s]); l < 0 || l > maxLen {
			return fmt.Errorf("%w: document %d has %d tokens, opened for at most %d", ErrBatch, s, l, maxLen)
		}
	}
	for i, t := range tokens {
		if t < 0 || int64(t) >= vocab {
			return fmt.Errorf("%w: token %d of row %d is outside the vocabulary of %d", ErrBatch, t, i, vocab)
		}
	}
	for i, p := range positions {
		if p < 0 || int64(p) >= maxLen {
			return fmt.Errorf("%w: position %d of row %d, opened for 0 to %d", ErrBatch, p, i, maxLen-1)
		}
	}
	return nil
}

// LossTokens returns how many rows of the batch have a loss: what Scale counts.
func (b *Batch) LossTokens() int64 {
	if b.Mask == nil {
		return int64(len(b.Tokens))
	}
	n := int64(0)
	for _, m := range b.Mask {
		if m != 0 {
			n++
		}
	}
	return n
}
