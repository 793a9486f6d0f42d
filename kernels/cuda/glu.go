//go:build cuda

package cuda

import "github.com/primer-lm/primer/kernels"

func init() {
	registerOp("glu", "sm80")
	registerOp("glu_backward", "sm80")
}

// gluArgs is struct glu_args of glu.cu.
type gluArgs struct {
	failures, out, gateup, dout uintptr
	rows, dim                   int64
	act, aligned                int32
}

// GLU is the gated linear unit.
func (b *Backend) GLU(a kernels.GLUArgs) {
	a.Check()
	rows, dim := a.Out.Dim(0), a.Out.Dim(1)
	args := gluArgs{
		failures: b.failures, out: addr(a.Out), gateup: addr(a.GateUp), rows: rows, dim: dim,
		act: int32(a.Act), aligned: whole(dim, a.Out, a.GateUp),
	}
	grid, threads := rowGrid(rows, dim)
	launch(b, "glu", "glu"+suffix(a.Out), grid, threads, 0, &args)
}

// GLUBackward computes the gradient of gate and up.
func (b *Backend) GLUBackward(a kernels.GLUBackwardArgs) {
	a.Check()
	rows, dim := a.DOut.Dim(0), a.DOut.Dim(1)
	args := gluArgs{
		failures: b.failures, out: addr(a.DGateUp), gateup: addr(a.GateUp), dout: addr(a.DOut), rows: rows, dim: dim,
		act: int32(a.Act), aligned: whole(dim, a.DGateUp, a.GateUp, a.DOut),
	}
	grid, threads := rowGrid(rows, dim)
	launch(b, "glu_backward", "glu_backward"+suffix(a.DOut), grid, threads, 0, &args)
}
