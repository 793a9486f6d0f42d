package cpu

// #include "glu.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() { registerVectors("glu", "glu_backward") }

// GLU is the gated linear unit.
func (b *Backend) GLU(a kernels.GLUArgs) {
	a.Check()
	args := C.glu_args{
		out: addr(a.Out), gateup: addr(a.GateUp), rows: C.int64_t(a.Out.Dim(0)), dim: C.int64_t(a.Out.Dim(1)),
		_type: dtype(a.Out), act: C.int32_t(a.Act),
	}
	b.submit(C.primer_glu_table[b.pick("glu")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// GLUBackward computes the gradient of gate and up.
func (b *Backend) GLUBackward(a kernels.GLUBackwardArgs) {
	a.Check()
	args := C.glu_args{
		out: addr(a.DGateUp), gateup: addr(a.GateUp), dout: addr(a.DOut),
		rows: C.int64_t(a.DOut.Dim(0)), dim: C.int64_t(a.DOut.Dim(1)), _type: dtype(a.DOut), act: C.int32_t(a.Act),
	}
	b.submit(C.primer_glu_backward_table[b.pick("glu_backward")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}
