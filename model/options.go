package model

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

// Recompute says what the backward pass computes again instead of keeping it. All three give the same bits.
type Recompute uint8

const (
	// RecomputeNone keeps everything backward reads: the fastest.
	RecomputeNone Recompute = iota
	// RecomputeLight computes normalised activations and gated products again: cheap operations, about a third less memory.
	RecomputeLight
	// RecomputeLayer keeps one residual stream a layer and runs the layer's forward pass again: about a third more work.
	RecomputeLayer
)

var recomputeNames = [...]string{"none", "light", "layer"}

func (r Recompute) String() string { return recomputeNames[r] }

// ParseRecompute reads "none", "light" or "layer".
func ParseRecompute(name string) (Recompute, error) {
	for i, n := range recomputeNames {
		if n == name {
			return Recompute(i), nil
		}
	}
	return 0, fmt.Errorf("recompute is %q, supported are none, light and layer", name)
}

// Options sizes a model that is opened for training.
type Options struct {
	Tokens    int64         // N at most: tokens of a micro-batch
	Docs      int64         // S at most; 0: as many as tokens
	MaxLen    int64         // the longest document; 0: Tokens
	Math      kernels.DType // F32 or BF16: weights as multiplied, activations (F64 on the reference backend)
	Stream    kernels.DType // dtype of the residual stream and its gradient; NoType: as Math
	Dropout   float32       // on the embedding's output, attention probabilities and both residual branches (as GPT-2 does)
	Recompute Recompute
	Moments   kernels.DType // F32 or BF16 optimizer moments; NoType: no optimizer
	LogitRows int64         // rows of logits at a time; 0: as many as make a buffer of 64 MiB, at least 64
}

// InferOptions sizes a model that is opened for scoring and generation.
type InferOptions struct {
	Tokens    int64         // N at most in one call of Score or Step
	Docs      int64         // S at most; 0: as many as tokens
	MaxLen    int64         // positions at most; 0: the model's max_position_embeddings
	Math      kernels.DType // F32 or BF16; NoType: BF16 where the stored weights are, else F32
	LogitRows int64         // rows of logits at a time in Score, and at most in Step; 0: 64 MiB of them, at least 64
	PageSize  int64         // of the paged cache; 0: no generation
	Cache     kernels.DType // of the paged cache: F32 or BF16, which is half of it; NoType: Math
	NoGraphs  bool          // issue decode steps operation by operation, also where the backend captures them; the bits are the same
}

// ParseCacheType reads InferOptions.Cache: "f32", "bf16", or "auto" (and "") for what the model computes in.
func ParseCacheType(name string) (kernels.DType, error) {
	switch name {
	case "auto", "":
		return kernels.NoType, nil
	case "f32":
		return kernels.F32, nil
	case "bf16":
		return kernels.BF16, nil
	}
	return kernels.NoType, fmt.Errorf("%w: a cache of %q: there are auto, f32, bf16", ErrConfig, name)
}

const logitBytes = 64 << 20

func logitRows(want, tokens, vocab int64) int64 {
	if want == 0 {
		want = max(64, logitBytes/(4*vocab))
	}
	return min(want, tokens)
}

// resolve fills in what zero means and refuses what cannot be.
func (o Options) resolve(c *Config) (Options, error) {
	if o.Docs == 0 {
		o.Docs = o.Tokens
	}
	if o.MaxLen == 0 {
		o.MaxLen = o.Tokens
	}
	if o.Stream == kernels.NoType {
		o.Stream = o.Math
	}
	o.LogitRows = logitRows(o.LogitRows, o.Tokens, c.VocabSize)
	switch {
	case o.Tokens < 1 || o.Tokens > maxDim/2 || o.Docs < 1 || o.MaxLen < 1 || o.LogitRows < 1:
		return o, fmt.Errorf("%w: %d tokens, %d documents, %d positions, %d rows of logits: each must be at least 1, and tokens at most %d", ErrConfig, o.Tokens, o.Docs, o.MaxLen, o.LogitRows, int64(maxDim/2))
	case o.Math != kernels.F32 && o.Math != kernels.BF16 && o.Math != kernels.F64:
		return o, fmt.Errorf("%w: %v is no dtype to compute in", ErrConfig, o.Math)
	case !(o.Dropout >= 0 && o.Dropout < 1):
		return o, fmt.Errorf("%w: dropout is %v, must be at least 0 and below 1", ErrConfig, o.Dropout)
	case o.MaxLen > c.MaxPositions:
		return o, fmt.Errorf("%w: documents of %d tokens, but max_position_embeddings is %d", ErrConfig, o.MaxLen, c.MaxPositions)
	}
	return o, nil
}

// exact is the dtype of statistics, master weights and gradients: F32, or F64 where the reference computes in it.
func exact(math kernels.DType) kernels.DType {
	if math == kernels.F64 {
		return kernels.F64
	}
	return kernels.F32
}
