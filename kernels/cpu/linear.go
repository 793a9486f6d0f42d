package cpu

// #include "linear.h"
import "C"

import (
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
	// Another variant may have been forced since the weight was packed: then the plain tensor serves.
	if p, ok := a.W.Packed.(*packedWeight); ok && p.isa == b.pick(linearName(a.W.Type)) && a.W.Layout != plainFromF16 {
		*(*uintptr)(unsafe.Pointer(&g.b_packed)) = p.mem.Addr
	}
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
	if g.m == 0 || g.n == 0 {
		return
	}
	g.c_type, g.math = C.int(c.Type), C.int(math)
	b.submit(linearOps[b.pick(linearName(math))], unsafe.Pointer(g), unsafe.Sizeof(*g))
}

func linearName(math kernels.DType) string {
	if math == kernels.BF16 {
		return opLinearBF16
	}
	return opLinearF32
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

// packedWeight is a frozen weight as panels for one instruction set, beside the plain tensor.
type packedWeight struct {
	mem *kernels.Memory
	isa int
}

const plainFromF16 = "plain from f16"

// maxPacked is the size of a frozen weight, in bytes, up to which it is packed. A larger one comes from main memory at every
// use, where reading it in place is as fast; a copy would only cost memory.
const maxPacked = 8 << 20

// Prepare makes a handle of w[O,I]. An f16 weight is copied to f32, which is exact.
func (b *Backend) Prepare(w kernels.Tensor, use kernels.WeightUse) (kernels.Weight, error) {
	if w.Rank() != 2 || (w.Type != kernels.F32 && w.Type != kernels.BF16 && w.Type != kernels.F16) {
		shapeError("prepare", "want w[O,I] in f32, bf16 or f16", w)
	}
	out := kernels.Weight{Tensor: w, Layout: "plain", O: w.Dim(0), I: w.Dim(1), Type: w.Type}
	if w.Type == kernels.F16 {
		mem, err := b.Alloc(kernels.MemWeights, w.Len()*kernels.F32.Size())
		if err != nil {
			return kernels.Weight{}, err
		}
		out.Tensor, out.Type = kernels.NewTensor(mem, 0, kernels.F32, out.O, out.I), kernels.F32
		out.Layout, out.Packed = plainFromF16, &packedWeight{mem: mem}
		b.Copy(kernels.CopyArgs{Dst: out.Tensor, X: w})
		return out, b.Sync()
	}
	if use == kernels.WeightFrozen && w.Bytes() <= maxPacked {
		return b.pack(out)
	}
	return out, nil
}

// pack lays a frozen weight out as the panels that the register tiles read.
func (b *Backend) pack(w kernels.Weight) (kernels.Weight, error) {
	isa := b.pick(linearName(w.Type))
	a := C.pack_args{x: operand(w.Tensor, false), rows: C.int64_t(w.O), k: C.int64_t(w.I), math: C.int(w.Type)}
	mem, err := b.Alloc(kernels.MemWeights, int64(C.primer_packed_bytes(C.int(isa), &a)))
	if err != nil {
		return kernels.Weight{}, err
	}
	a.isa, a.out = C.int(isa), C.uintptr_t(mem.Addr)
	b.submit(C.primer_op(C.primer_pack), unsafe.Pointer(&a), unsafe.Sizeof(a))
	w.Layout, w.Packed = "panels "+isaNames[isa], &packedWeight{mem, isa}
	return w, b.Sync()
}

// Release frees what Prepare allocated; the tensor that Prepare was given stays.
func (b *Backend) Release(w kernels.Weight) {
	if p, ok := w.Packed.(*packedWeight); ok {
		b.Free(p.mem)
	}
}
