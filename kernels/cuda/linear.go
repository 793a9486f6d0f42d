//go:build cuda

package cuda

// #include "blas.h"
import "C"

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

const (
	opLinear         = "linear"
	opLinearInput    = "linear_backward_input"
	opLinearWeight   = "linear_backward_weight"
	layoutPlain      = "plain"
	layoutFromF16    = "plain from f16"
	convertThreads   = 256
	dbiasThreads     = 128
	dbiasRows        = 256 // of a part
	blocksPerProcess = 8   // blocks a multiprocessor of grids that loop
)

// cuBLASLt picks its algorithm by the shape, so its sums have an order of their own for each number of rows.
func init() { registerVariants(opLinear, variantInfo{name: "cublaslt", bits: "cublaslt"}) }

// Linear issues y[N,O] = bias + x[N,I]·w[O,I]ᵀ. Seen by columns: Y[O,N] = turned W[I,O] · X[I,N].
func (b *Backend) Linear(a kernels.LinearArgs) {
	a.Check()
	r := rowProduct{op: opLinear, y: a.Y, x: a.X, w: a.W.Tensor, math: a.W.Type, turned: true, bias: a.Bias, accumulate: a.Accumulate}
	r.issue(b)
}

// LinearBackwardInput issues dx[N,I] (+)= dy[N,O]·w[O,I]. Seen by columns: DX[I,N] = W[I,O] · DY[O,N].
func (b *Backend) LinearBackwardInput(a kernels.LinearBackwardInputArgs) {
	a.Check()
	r := rowProduct{op: opLinearInput, y: a.DX, x: a.DY, w: a.W.Tensor, math: a.W.Type, accumulate: a.Accumulate}
	r.issue(b)
}

// rowProduct is y = x·w or x·wᵀ: rows of y follow from the same rows of x.
type rowProduct struct {
	op         string
	y, x, w    kernels.Tensor
	math       kernels.DType
	turned     bool // w is [columns of y, columns of x], else the other way round
	bias       kernels.Tensor
	accumulate bool
}

// issue runs the product in one go, or, where an operand has another dtype than the product or the sum may not be rounded yet,
// in as many rows at a time as the scratch holds. Rows do not depend on one another, so neither do the bits on the pieces.
func (r rowProduct) issue(b *Backend) {
	rows := r.x.Dim(0)
	converts := r.x.Type != r.math
	// cuBLASLt has no f32 products with a bf16 result; and a bf16 result starts with an f32 bias only in f32.
	staged := r.y.Type == kernels.BF16 && (r.math == kernels.F32 || !r.bias.IsZero())
	var perRow int64
	if converts {
		perRow += r.x.Dim(1) * r.math.Size()
	}
	if staged {
		perRow += r.y.Dim(1) * kernels.F32.Size()
	}
	piece := rows
	if perRow > 0 {
		piece = b.scratchRows(r.op, perRow, r.x)
	}
	for from := int64(0); from < rows; from += piece {
		n := min(piece, rows-from)
		part := r
		part.x, part.y = r.x.Rows(from, n), r.y.Rows(from, n)
		part.issuePiece(b, converts, staged)
	}
}

func (r rowProduct) issuePiece(b *Backend, converts, staged bool) {
	scratch := b.scratch()
	x, y := r.x, r.y
	if converts {
		x = scratch.take(r.math, r.x)
		b.convert(r.op, x, r.x)
	}
	if staged {
		y = scratch.take(kernels.F32, r.y)
		if r.accumulate {
			b.convert(r.op, y, r.y)
		}
	}
	s := C.blas_shape{
		m: C.int64_t(y.Dim(1)), n: C.int64_t(y.Dim(0)), k: C.int64_t(x.Dim(1)),
		lda: C.int64_t(r.w.Dim(1)), ldb: C.int64_t(x.Dim(1)), ldc: C.int64_t(y.Dim(1)),
		turn_a: boolInt(r.turned), bf16_in: boolInt(r.math == kernels.BF16), bf16_out: boolInt(y.Type == kernels.BF16),
	}
	if r.bias.IsZero() {
		b.gemm(r.op, s, r.w.Addr, x.Addr, y.Addr, r.accumulate)
	} else if !b.gemmBias(r.op, s, r.w.Addr, x.Addr, y.Addr, r.bias.Addr) {
		args := linearBiasArgs{failures: b.failures, y: y.Addr, bias: r.bias.Addr, rows: y.Dim(0), columns: y.Dim(1)}
		launch(b, r.op, "linear_bias", b.loopGrid(y.Len()), convertThreads, 0, &args)
		b.gemm(r.op, s, r.w.Addr, x.Addr, y.Addr, true)
	}
	if staged {
		b.convert(r.op, r.y, y)
	}
}

// LinearBackwardWeight issues dw[O,I] (+)= dy[N,O]ᵀ·x[N,I] and dbias[O] (+)= Σ_n dy[n,O]. Seen by columns: DW[I,O] = X[I,N] ·
// turned DY[O,N]. Operands of another dtype go through the scratch, some rows at a time, whose products add up in f32.
func (b *Backend) LinearBackwardWeight(a kernels.LinearBackwardWeightArgs) {
	a.Check()
	rows := a.X.Dim(0)
	if !a.DBias.IsZero() {
		b.biasGradient(a)
	}
	if rows == 0 {
		if !a.Accumulate {
			b.zero(opLinearWeight, a.DW)
		}
		return
	}
	var perRow int64
	for _, t := range [2]kernels.Tensor{a.X, a.DY} {
		if t.Type != a.Math {
			perRow += t.Dim(1) * a.Math.Size()
		}
	}
	piece := rows
	if perRow > 0 {
		piece = b.scratchRows(opLinearWeight, perRow, a.X)
	}
	for from := int64(0); from < rows; from += piece {
		n := min(piece, rows-from)
		b.weightPiece(a.DW, a.X.Rows(from, n), a.DY.Rows(from, n), a.Math, a.Accumulate || from > 0)
	}
}

// biasGradient issues dbias[O] (+)= Σ_n dy[n,O]: parts of the rows side by side, their sums in the scratch, then the parts in order.
// How many there are follows from the shape alone, so the bits do too.
func (b *Backend) biasGradient(a kernels.LinearBackwardWeightArgs) {
	rows, columns := a.DY.Dim(0), a.DBias.Len()
	parts := min(ceilDiv(rows, dbiasRows), b.products.room/(columns*kernels.F32.Size()))
	partRows := max(1, ceilDiv(rows, max(parts, 1)))
	parts = max(1, ceilDiv(rows, partRows))
	args := linearDBiasArgs{
		failures: b.failures, dbias: a.DBias.Addr, dy: addr(a.DY), rows: rows, columns: columns, partRows: partRows,
		kind: int32(a.DY.Type), accumulate: int32(boolInt(a.Accumulate)),
	}
	grid := dims{int(ceilDiv(columns, dbiasThreads)), int(parts), 1}
	if parts > 1 {
		args.partial = b.products.scratch
	}
	launch(b, opLinearWeight, "linear_dbias", grid, dbiasThreads, 0, &args)
	if grid.y = 1; parts > 1 {
		launch(b, opLinearWeight, "linear_dbias_join", grid, dbiasThreads, 0, &args)
	}
}

func (b *Backend) weightPiece(dw, x, dy kernels.Tensor, math kernels.DType, accumulate bool) {
	scratch := b.scratch()
	for _, t := range [2]*kernels.Tensor{&x, &dy} {
		if t.Type != math {
			plain := *t
			*t = scratch.take(math, plain)
			b.convert(opLinearWeight, *t, plain)
		}
	}
	i, o, n := C.int64_t(x.Dim(1)), C.int64_t(dy.Dim(1)), C.int64_t(x.Dim(0))
	s := C.blas_shape{m: i, n: o, k: n, lda: i, ldb: o, ldc: i, turn_b: 1, bf16_in: boolInt(math == kernels.BF16)}
	b.gemm(opLinearWeight, s, x.Addr, dy.Addr, dw.Addr, accumulate)
}

// scratchRows is how many rows of perRow bytes the scratch holds, beside what alignment takes.
func (b *Backend) scratchRows(op string, perRow int64, x kernels.Tensor) int64 {
	n := (b.products.room - 2*scratchAlign) / perRow
	if n == 0 {
		panic(&kernels.ShapeError{Op: op, Code: "rows are too long to be converted", Detail: fmt.Sprint(x)})
	}
	return n
}

const scratchAlign = 256

// scratch hands out the products' scratch anew; what was there before is in order behind it on the stream.
func (b *Backend) scratch() *scratch { return &scratch{b.products.scratch} }

type scratch struct{ at uintptr }

// take is room for a matrix as like's, in another dtype.
func (s *scratch) take(t kernels.DType, like kernels.Tensor) kernels.Tensor {
	out := kernels.ShapeOf(t, like.Dim(0), like.Dim(1))
	out.Addr = s.at
	s.at += uintptr(ceilDiv(out.Bytes(), scratchAlign) * scratchAlign)
	return out
}

// The arguments of the kernels in linear.cu.
type (
	linearConvertArgs struct {
		failures, dst, x uintptr
		n                int64
		dstType, xType   int32
	}
	linearBiasArgs struct {
		failures, y, bias uintptr
		rows, columns     int64
	}
	linearDBiasArgs struct {
		failures, dbias, partial, dy uintptr
		rows, columns, partRows      int64
		kind, accumulate             int32
	}
)

// convert issues dst = x in dst's dtype.
func (b *Backend) convert(op string, dst, x kernels.Tensor) {
	args := linearConvertArgs{failures: b.failures, dst: dst.Addr, x: x.Addr, n: x.Len(), dstType: int32(dst.Type), xType: int32(x.Type)}
	launch(b, op, "linear_convert", b.loopGrid(ceilDiv(x.Len(), 8)), convertThreads, 0, &args)
}

// loopGrid is a grid whose threads loop over n pieces of work.
func (b *Backend) loopGrid(n int64) dims {
	return dims{int(min(ceilDiv(n, convertThreads), int64(b.multiprocessors)*blocksPerProcess)), 1, 1}
}

// zero issues t = 0.
func (b *Backend) zero(op string, t kernels.Tensor) {
	b.issue.Lock()
	defer b.issue.Unlock()
	if b.sticky != nil || t.Bytes() == 0 {
		return
	}
	if err := driverError(C.driver_zero(b.queue(), C.uintptr_t(t.Addr), C.size_t(t.Bytes()))); err != nil {
		b.stick(op, err)
	}
}

func boolInt(v bool) C.int32_t {
	if v {
		return 1
	}
	return 0
}

// Prepare makes a handle of w[O,I]. Weights stay as they are; one in f16 is copied to f32, which is exact.
func (b *Backend) Prepare(w kernels.Tensor, _ kernels.WeightUse) (kernels.Weight, error) {
	if w.Rank() != 2 || (w.Type != kernels.F32 && w.Type != kernels.BF16 && w.Type != kernels.F16) {
		panic(&kernels.ShapeError{Op: "prepare", Code: "want w[O,I] in f32, bf16 or f16", Detail: w.String()})
	}
	out := kernels.Weight{Tensor: w, Layout: layoutPlain, O: w.Dim(0), I: w.Dim(1), Type: w.Type}
	if w.Type != kernels.F16 {
		return out, nil
	}
	mem, err := b.Alloc(kernels.MemWeights, w.Len()*kernels.F32.Size())
	if err != nil {
		return kernels.Weight{}, err
	}
	out.Tensor, out.Type = kernels.NewTensor(mem, 0, kernels.F32, out.O, out.I), kernels.F32
	out.Layout, out.Packed = layoutFromF16, mem
	b.convert("prepare", out.Tensor, w)
	if err := b.Sync(); err != nil {
		b.Free(mem)
		return kernels.Weight{}, err
	}
	return out, nil
}

// Release frees what Prepare allocated; the tensor that Prepare was given stays.
func (b *Backend) Release(w kernels.Weight) {
	if mem, ok := w.Packed.(*kernels.Memory); ok {
		b.Free(mem)
	}
}
