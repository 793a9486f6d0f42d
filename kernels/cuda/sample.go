//go:build cuda

package cuda

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

func init() { registerOp("sample", "weights in units of 2^-40") }

const (
	sampleThreads = 512     // of a row, as in sample.cu
	sampleVocab   = 1 << 23 // the largest vocabulary whose weights cannot overflow
)

// sampleArgs is struct sample_args of sample.cu.
type sampleArgs struct {
	tokens, logprobs, topTokens, topLogprobs uintptr
	logits, temperature, topK, topP, minP    uintptr
	seeds, positions, failures               uintptr
	given, editOffsets, editTokens           uintptr
	editFactors, editAdds, work              uintptr
	vocab, top, edits                        int64
}

// Sample picks a token per row.
func (b *Backend) Sample(a kernels.SampleArgs) {
	a.Check()
	if a.Logits.Dim(1) > sampleVocab {
		panic(&kernels.ShapeError{Op: "sample", Code: "vocabulary is too large", Detail: fmt.Sprint(a.Logits)})
	}
	args := sampleArgs{
		tokens: addr(a.Tokens), logprobs: addr(a.LogProbs), topTokens: addr(a.TopTokens), topLogprobs: addr(a.TopLogProbs),
		logits: addr(a.Logits), temperature: addr(a.Temperature), topK: addr(a.TopK), topP: addr(a.TopP), minP: addr(a.MinP),
		seeds: addr(a.Seeds), positions: addr(a.Positions), failures: b.failures, vocab: a.Logits.Dim(1),
		given: addr(a.Given), editOffsets: addr(a.EditOffsets), editTokens: addr(a.EditTokens), editFactors: addr(a.EditFactors),
		editAdds: addr(a.EditAdds),
	}
	if !a.EditOffsets.IsZero() {
		needWork("sample", a.Work, b.SamplePlan(a))
		args.edits, args.work = a.EditTokens.Len(), addr(a.Work)
	}
	if !a.TopTokens.IsZero() {
		args.top = a.TopTokens.Dim(1)
	}
	launch(b, "sample", "sample"+suffix(a.Logits), dims{int(a.Logits.Dim(0)), 1, 1}, sampleThreads, 0, &args)
}

// SamplePlan is room for edited logits; without edits nothing, a row is selected from in shared memory.
func (b *Backend) SamplePlan(a kernels.SampleArgs) int64 {
	if a.EditOffsets.IsZero() {
		return 0
	}
	return a.Logits.Bytes()
}
