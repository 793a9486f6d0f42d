//go:build cuda

package cuda

import "github.com/primer-lm/primer/kernels"

func init() { registerOp("cross_entropy", "f32 sums of packets of 16 bytes, f64 between threads") }

// crossEntropyArgs is struct cross_entropy_args of crossentropy.cu.
type crossEntropyArgs struct {
	logits, loss, targets, mask, scale, argmax, failures uintptr
	vocab                                                int64
	gradient, _                                          int32
}

// CrossEntropy is the loss of every row and, on demand, its gradient in place of the logits.
func (b *Backend) CrossEntropy(a kernels.CrossEntropyArgs) {
	a.Check()
	args := crossEntropyArgs{
		logits: addr(a.Logits), loss: addr(a.Loss), targets: addr(a.Targets), mask: addr(a.Mask), scale: addr(a.Scale),
		argmax: addr(a.ArgMax), failures: b.failures, vocab: a.Logits.Dim(1), gradient: int32(boolInt(a.Gradient)),
	}
	launch(b, "cross_entropy", "cross_entropy"+suffix(a.Logits), dims{int(a.Logits.Dim(0)), 1, 1}, crossEntropyThreads, 0, &args)
}

// crossEntropyThreads are the threads of a row, as in crossentropy.cu.
const crossEntropyThreads = 512
