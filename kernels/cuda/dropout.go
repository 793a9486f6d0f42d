//go:build cuda

package cuda

import "github.com/primer-lm/primer/kernels"

func init() { registerOp("dropout", "exact") }

// dropoutArgs is struct dropout_args of dropout.cu.
type dropoutArgs struct {
	failures, out, x, step    uintptr
	elements, dim             int64
	purpose, layer, threshold uint32
	keep                      float32
	aligned, pad              int32
}

// dropoutEach is how many packs a thread takes where there are enough: it derives the key of the stream once.
const dropoutEach = 8

// Dropout drops elements by counter; where nothing can be dropped it copies.
func (b *Backend) Dropout(a kernels.DropoutArgs) {
	a.Check()
	n, threshold := a.X.Len(), kernels.DropThreshold(a.Dropout.P)
	if n == 0 {
		return
	}
	if threshold == 0 {
		if a.Out.Addr != a.X.Addr {
			b.copyBytes("dropout", addr(a.Out), addr(a.X), a.X.Bytes())
		}
		return
	}
	args := dropoutArgs{
		failures: b.failures, out: addr(a.Out), x: addr(a.X), step: addr(a.Dropout.Step), elements: n, dim: a.X.Dim(1),
		purpose: uint32(a.Dropout.Purpose), layer: a.Dropout.Layer, threshold: threshold, keep: float32(1 / (1 - float64(a.Dropout.P))),
		aligned: whole(0, a.Out, a.X), // the last pack is not whole in general: the kernel looks
	}
	grid := dims{int(ceilDiv(n, rowThreads*packLen*dropoutEach)), 1, 1}
	launch(b, "dropout", "dropout"+suffix(a.X), grid, rowThreads, 0, &args)
}
