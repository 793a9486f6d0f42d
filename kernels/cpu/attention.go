package cpu

// #include "attention.h"
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() { registerVectors("attention", "attention_backward") }

// maxHeadDim bounds head_dim: a thread's scratch holds a tile's operands.
const maxHeadDim = 256

func checkHeadDim(op string, d int64) {
	if d > maxHeadDim {
		panic(&kernels.ShapeError{Op: op, Code: "head_dim is above 256", Detail: fmt.Sprint(d)})
	}
}

func dropoutSpec(d kernels.Dropout) C.dropout_spec {
	if d.P == 0 {
		return C.dropout_spec{keep: 1}
	}
	return C.dropout_spec{
		step: addr(d.Step), threshold: C.uint32_t(kernels.DropThreshold(d.P)), purpose: C.uint32_t(d.Purpose),
		layer: C.uint32_t(d.Layer), keep: C.float(1 / (1 - d.P)),
	}
}

// Attention is causal attention over packed documents.
func (b *Backend) Attention(a kernels.AttentionArgs) {
	a.Check()
	checkHeadDim("attention", a.QKV.Dim(2))
	args := C.attention_args{
		out: addr(a.Out), lse: addr(a.LSE), qkv: addr(a.QKV), culens: addr(a.CuLens),
		rows: C.int64_t(a.QKV.Dim(0)), docs: C.int64_t(a.CuLens.Dim(0) - 1), heads: C.int64_t(a.Heads),
		kv_heads: C.int64_t(a.KVHeads), dim: C.int64_t(a.QKV.Dim(2)), window: C.int64_t(a.Window),
		drop: dropoutSpec(a.Dropout), scale: C.float(a.Scale), _type: dtype(a.QKV),
	}
	b.submit(C.primer_attention_table[b.pick("attention")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// AttentionPlan is nothing: tiles live in the threads' own scratch.
func (b *Backend) AttentionPlan(kernels.AttentionArgs) int64 { return 0 }

// AttentionBackward computes the gradients of queries, keys and values.
func (b *Backend) AttentionBackward(a kernels.AttentionBackwardArgs) {
	a.Check()
	checkHeadDim("attention_backward", a.QKV.Dim(2))
	needWork("attention_backward", a.Work, b.AttentionBackwardPlan(a))
	args := C.attention_backward_args{
		f: C.attention_args{
			out: addr(a.Out), lse: addr(a.LSE), qkv: addr(a.QKV), culens: addr(a.CuLens),
			rows: C.int64_t(a.QKV.Dim(0)), docs: C.int64_t(a.CuLens.Dim(0) - 1), heads: C.int64_t(a.Heads),
			kv_heads: C.int64_t(a.KVHeads), dim: C.int64_t(a.QKV.Dim(2)), window: C.int64_t(a.Window),
			drop: dropoutSpec(a.Dropout), scale: C.float(a.Scale), _type: dtype(a.QKV),
		},
		dqkv: addr(a.DQKV), dout: addr(a.DOut), delta: addr(a.Work),
	}
	if a.QKV.Type != kernels.F32 {
		args.dq = addr(a.Work) + C.uintptr_t(deltaBytes(a))
	}
	b.submit(C.primer_attention_backward_table[b.pick("attention_backward")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

func deltaBytes(a kernels.AttentionBackwardArgs) int64 {
	return (a.Heads*a.QKV.Dim(0)*kernels.F32.Size() + 63) / 64 * 64
}

// AttentionBackwardPlan is one number per row and head, and, for BF16, dq in F32.
func (b *Backend) AttentionBackwardPlan(a kernels.AttentionBackwardArgs) int64 {
	bytes := deltaBytes(a)
	if a.QKV.Type != kernels.F32 {
		bytes += a.QKV.Dim(0) * a.Heads * a.QKV.Dim(2) * kernels.F32.Size()
	}
	return bytes
}
