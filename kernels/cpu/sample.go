package cpu

// #include "sample.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() { registerVectors("sample") }

// Sample picks a token per row.
func (b *Backend) Sample(a kernels.SampleArgs) {
	a.Check()
	if a.Logits.Dim(1) > C.SAMPLE_VOCAB {
		shapeError("sample", "vocabulary is too large", a.Logits)
	}
	args := C.sample_args{
		tokens: addr(a.Tokens), logprobs: addr(a.LogProbs), top_tokens: addr(a.TopTokens), top_logprobs: addr(a.TopLogProbs),
		logits: addr(a.Logits), temperature: addr(a.Temperature), top_k: addr(a.TopK), top_p: addr(a.TopP), min_p: addr(a.MinP),
		seeds: addr(a.Seeds), positions: addr(a.Positions), given: addr(a.Given), edit_offsets: addr(a.EditOffsets),
		edit_tokens: addr(a.EditTokens), edit_factors: addr(a.EditFactors), edit_adds: addr(a.EditAdds),
		rows: C.int64_t(a.Logits.Dim(0)), vocab: C.int64_t(a.Logits.Dim(1)), _type: dtype(a.Logits),
	}
	if !a.TopTokens.IsZero() {
		args.top = C.int64_t(a.TopTokens.Dim(1))
	}
	if !a.EditTokens.IsZero() {
		args.edits = C.int64_t(a.EditTokens.Len())
	}
	b.submit(C.primer_sample_table[b.pick("sample")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// SamplePlan is nothing: a row lives in its thread's own scratch.
func (b *Backend) SamplePlan(kernels.SampleArgs) int64 { return 0 }
