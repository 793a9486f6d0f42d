package cpu

// #include "linear.h"
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// The names in the variant table; which one an operation is follows from the dtype of its products. All variants of both
// give the same bits: the chain over k is part of the contract.
const (
	opLinearF32  = "linear.f32"
	opLinearBF16 = "linear.bf16"
)

func init() {
	register(opLinearF32, variantInfo{isaGeneric, "chain"}, variantInfo{isaAVX2, "chain"}, variantInfo{isaAVX512, "chain"})
	register(opLinearBF16, variantInfo{isaGeneric, "pairs"}, variantInfo{isaAVX2, "pairs"}, variantInfo{isaAVX512, "pairs"},
		variantInfo{isaAVX512BF16, "pairs"})
}

var linearOps = [isaCount]C.primer_op{
	C.primer_op(C.primer_linear_generic), C.primer_op(C.primer_linear_avx2),
	C.primer_op(C.primer_linear_avx512), C.primer_op(C.primer_linear_avx512bf16),
}

// Linear issues y[N,O] = bias + x[N,I]·w[O,I]ᵀ.
func (b *Backend) Linear(a kernels.LinearArgs) {
	a.Check()
	g := C.gemm_args{
		a: operand(a.X, false), b: operand(a.W.Tensor, false),
		m: C.int64_t(a.Y.Dim(0)), n: C.int64_t(a.W.O), k: C.int64_t(a.W.I), ldc: C.int64_t(a.W.O),
		accumulate: boolInt(a.Accumulate),
	}
	setAddress(unsafe.Pointer(&g.c), a.Y)
	setAddress(unsafe.Pointer(&g.bias), a.Bias)
	b.product(&g, a.Y, a.W.Type)
}

// LinearBackwardInput issues dx[N,I] (+)= dy[N,O]·w[O,I].
func (b *Backend) LinearBackwardInput(a kernels.LinearBackwardInputArgs) {
	a.Check()
	g := C.gemm_args{
		a: operand(a.DY, false), b: operand(a.W.Tensor, true),
		m: C.int64_t(a.DX.Dim(0)), n: C.int64_t(a.W.I), k: C.int64_t(a.W.O), ldc: C.int64_t(a.W.I),
		accumulate: boolInt(a.Accumulate),
	}
	setAddress(unsafe.Pointer(&g.c), a.DX)
	b.product(&g, a.DX, a.W.Type)
}

// LinearBackwardWeight issues dw[O,I] (+)= dy[N,O]ᵀ·x[N,I] and dbias[O] (+)= Σ_n dy[n,O].
func (b *Backend) LinearBackwardWeight(a kernels.LinearBackwardWeightArgs) {
	a.Check()
	g := C.gemm_args{
		a: operand(a.DY, true), b: operand(a.X, true),
		m: C.int64_t(a.DW.Dim(0)), n: C.int64_t(a.DW.Dim(1)), k: C.int64_t(a.X.Dim(0)), ldc: C.int64_t(a.DW.Dim(1)),
		accumulate: boolInt(a.Accumulate),
	}
	setAddress(unsafe.Pointer(&g.c), a.DW)
	setAddress(unsafe.Pointer(&g.dbias), a.DBias)
	b.product(&g, a.DW, a.Math)
}

// product picks the variant by the dtype of the products and issues.
func (b *Backend) product(g *C.gemm_args, c kernels.Tensor, math kernels.DType) {
	name := opLinearF32
	if math == kernels.BF16 {
		name = opLinearBF16
	}
	if g.m == 0 || g.n == 0 {
		return
	}
	g.c_type, g.math = C.int(c.Type), C.int(math)
	b.submit(linearOps[b.pick(name)], unsafe.Pointer(g), unsafe.Sizeof(*g))
}

// operand views a matrix [r,c]: as rows of A or B along k, or, across, with the second dimension as its rows.
func operand(t kernels.Tensor, across bool) C.gemm_operand {
	o := C.gemm_operand{rs: C.int64_t(t.Dim(1)), ks: 1, _type: C.int(t.Type)}
	if across {
		o.rs, o.ks = 1, o.rs
	}
	setAddress(unsafe.Pointer(&o.p), t)
	return o
}

// setAddress stores a tensor's address in a pointer field of a C struct; nothing for an absent tensor. The addresses lie
// outside Go's heap, so the collector ignores them.
func setAddress(field unsafe.Pointer, t kernels.Tensor) {
	if !t.IsZero() {
		*(*uintptr)(field) = t.Addr
	}
}

func boolInt(v bool) C.int {
	if v {
		return 1
	}
	return 0
}

// Prepare makes a handle of w[O,I].
func (b *Backend) Prepare(w kernels.Tensor, use kernels.WeightUse) (kernels.Weight, error) {
	if w.Rank() != 2 {
		shapeError("prepare", "want w[O,I]", w)
	}
	if w.Type != kernels.F32 && w.Type != kernels.BF16 {
		return kernels.Weight{}, fmt.Errorf("cpu: linear weight in %v: want f32 or bf16", w.Type)
	}
	return kernels.Weight{Tensor: w, Layout: "plain", O: w.Dim(0), I: w.Dim(1), Type: w.Type}, nil
}

// Release frees what Prepare allocated.
func (b *Backend) Release(kernels.Weight) {}
