package cpu

// #include "rmsnorm.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() { registerVectors("rmsnorm", "rmsnorm_backward") }

// RMSNorm normalises rows, with the residual added first where there is one.
func (b *Backend) RMSNorm(a kernels.RMSNormArgs) {
	a.Check()
	args := C.rmsnorm_args{
		out: addr(a.Out), sum: addr(a.Sum), x: addr(a.X), residual: addr(a.Residual), w: addr(a.W), rstd: addr(a.Rstd),
		rows: C.int64_t(a.X.Dim(0)), dim: C.int64_t(a.X.Dim(1)),
		out_type: dtype(a.Out), x_type: dtype(a.X), w_type: dtype(a.W), eps: C.float(a.Eps),
	}
	b.submit(C.primer_rmsnorm_table[b.pick("rmsnorm")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// RMSNormBackward computes the gradients of the input and of the weight.
func (b *Backend) RMSNormBackward(a kernels.RMSNormBackwardArgs) {
	a.Check()
	needWork("rmsnorm_backward", a.Work, b.RMSNormBackwardPlan(a))
	args := C.rmsnorm_backward_args{
		dx: addr(a.DX), dw: addr(a.DW), dout: addr(a.DOut), dresidual: addr(a.DResidual), s: addr(a.S),
		rstd: addr(a.Rstd), w: addr(a.W), work: addr(a.Work),
		rows: C.int64_t(a.S.Dim(0)), dim: C.int64_t(a.S.Dim(1)),
		dx_type: dtype(a.DX), dout_type: dtype(a.DOut), dres_type: dtype(a.DResidual), s_type: dtype(a.S),
		w_type: dtype(a.W), accumulate: cbool(a.Accumulate),
	}
	b.submit(C.primer_rmsnorm_backward_table[b.pick("rmsnorm_backward")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// RMSNormBackwardPlan is one row of partial sums of dw per block of rows.
func (b *Backend) RMSNormBackwardPlan(a kernels.RMSNormBackwardArgs) int64 {
	blocks := (a.S.Dim(0) + C.RMSNORM_BLOCK - 1) / C.RMSNORM_BLOCK
	return blocks * a.S.Dim(1) * kernels.F32.Size()
}
