//go:build cuda

package cuda

import "github.com/primer-lm/primer/kernels"

func init() {
	registerOp("rmsnorm", "sm80")
	registerOp("rmsnorm_backward", "sm80")
}

// normMost is the most threads that share a row; NORM_THREADS of rmsnorm.cu. Each keeps two packs.
const normMost = 512

// rmsnormArgs is struct rmsnorm_args of rmsnorm.cu.
type rmsnormArgs struct {
	failures, out, sum, rstd, x, residual, w uintptr
	rows, dim                                int64
	outType, wType, rowThreads, aligned      int32
	eps                                      float32
	pad                                      int32
}

// rmsnormBackwardArgs is struct rmsnorm_backward_args of rmsnorm.cu.
type rmsnormBackwardArgs struct {
	failures, dx, partial, dout, dresidual, s, w, rstd uintptr
	rows, dim                                          int64
	dxType, doutType, dresType, sType, wType           int32
	rowThreads, aligned, pad                           int32
}

// rmsnormWeightArgs is struct rmsnorm_weight_args of rmsnorm.cu.
type rmsnormWeightArgs struct {
	failures, dw, partial uintptr
	dim                   int64
	blocks, accumulate    int32
}

// normThreads is how many threads share a row, which follows from its columns alone, and how many a block has.
func normThreads(dim int64) (row, block int64) {
	row = 32
	for row < normMost && row*2*packLen < dim {
		row *= 2
	}
	return row, max(row, rowThreads)
}

// normBlocks is how many blocks the backward pass has, and rows of partial sums of dw.
func normBlocks(rows, dim int64) int64 {
	row, block := normThreads(dim)
	if block == normMost {
		return min(132, rows)
	}
	return min(264, ceilDiv(rows, block/row))
}

// RMSNorm normalises rows, with the residual added first where there is one.
func (b *Backend) RMSNorm(a kernels.RMSNormArgs) {
	a.Check()
	rows, dim := a.X.Dim(0), a.X.Dim(1)
	row, block := normThreads(dim)
	args := rmsnormArgs{
		failures: b.failures, out: addr(a.Out), sum: addr(a.Sum), rstd: addr(a.Rstd), x: addr(a.X), residual: addr(a.Residual), w: addr(a.W),
		rows: rows, dim: dim, outType: int32(a.Out.Type), wType: int32(a.W.Type), rowThreads: int32(row),
		aligned: whole(dim, a.Out, a.Sum, a.X, a.Residual, a.W), eps: a.Eps,
	}
	launch(b, "rmsnorm", "rmsnorm"+suffix(a.X), dims{int(ceilDiv(rows, block/row)), 1, 1}, int(block), 0, &args)
}

// RMSNormBackward computes the gradients of the input and of the weight.
func (b *Backend) RMSNormBackward(a kernels.RMSNormBackwardArgs) {
	a.Check()
	needWork("rmsnorm_backward", a.Work, b.RMSNormBackwardPlan(a))
	rows, dim := a.S.Dim(0), a.S.Dim(1)
	row, block := normThreads(dim)
	blocks := normBlocks(rows, dim)
	args := rmsnormBackwardArgs{
		failures: b.failures, dx: addr(a.DX), partial: addr(a.Work), dout: addr(a.DOut), dresidual: addr(a.DResidual), s: addr(a.S),
		w: addr(a.W), rstd: addr(a.Rstd), rows: rows, dim: dim,
		dxType: int32(a.DX.Type), doutType: int32(a.DOut.Type), dresType: int32(a.DResidual.Type), sType: int32(a.S.Type),
		wType: int32(a.W.Type), rowThreads: int32(row), aligned: whole(dim, a.DX, a.DOut, a.DResidual, a.S, a.W),
	}
	kernel := "rmsnorm_backward_mixed"
	if args.aligned != 0 && sameTypes(a.S, a.DX, a.DOut, a.DResidual) {
		kernel = "rmsnorm_backward" + suffix(a.S)
	}
	launch(b, "rmsnorm_backward", kernel, dims{int(blocks), 1, 1}, int(block), 0, &args)
	weight := rmsnormWeightArgs{
		failures: b.failures, dw: addr(a.DW), partial: addr(a.Work), dim: dim, blocks: int32(blocks), accumulate: asInt(a.Accumulate),
	}
	launch(b, "rmsnorm_backward", "rmsnorm_backward_weight", dims{int(ceilDiv(dim, 32)), 1, 1}, normMost, 0, &weight)
}

// RMSNormBackwardPlan is one row of partial sums of dw per block.
func (b *Backend) RMSNormBackwardPlan(a kernels.RMSNormBackwardArgs) int64 {
	dim := a.S.Dim(1)
	return normBlocks(a.S.Dim(0), dim) * dim * kernels.F32.Size()
}

// sameTypes says that the tensors have one dtype, absent ones aside.
func sameTypes(first kernels.Tensor, others ...kernels.Tensor) bool {
	for _, t := range others {
		if !t.IsZero() && t.Type != first.Type {
			return false
		}
	}
	return true
}
