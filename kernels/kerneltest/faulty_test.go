package kerneltest

import (
	"reflect"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// faulty is the reference with a fault in one op.
type faulty struct {
	*ref.Backend
	op    string
	fault func(args any, run func(args any))
}

func call[A any](f *faulty, op string, a A, run func(A)) {
	if op != f.op {
		run(a)
		return
	}
	// Bad arguments are refused before the fault, except by the fault that is about just this.
	f.fault(a, func(a any) { run(a.(A)) })
}

func (f *faulty) Embed(a kernels.EmbedArgs) { call(f, "Embed", a, f.Backend.Embed) }
func (f *faulty) EmbedBackward(a kernels.EmbedBackwardArgs) {
	call(f, "EmbedBackward", a, f.Backend.EmbedBackward)
}
func (f *faulty) Linear(a kernels.LinearArgs) { call(f, "Linear", a, f.Backend.Linear) }
func (f *faulty) LinearBackwardInput(a kernels.LinearBackwardInputArgs) {
	call(f, "LinearBackwardInput", a, f.Backend.LinearBackwardInput)
}
func (f *faulty) LinearBackwardWeight(a kernels.LinearBackwardWeightArgs) {
	call(f, "LinearBackwardWeight", a, f.Backend.LinearBackwardWeight)
}
func (f *faulty) RMSNorm(a kernels.RMSNormArgs) { call(f, "RMSNorm", a, f.Backend.RMSNorm) }
func (f *faulty) RMSNormBackward(a kernels.RMSNormBackwardArgs) {
	call(f, "RMSNormBackward", a, f.Backend.RMSNormBackward)
}
func (f *faulty) Rope(a kernels.RopeArgs)           { call(f, "Rope", a, f.Backend.Rope) }
func (f *faulty) Attention(a kernels.AttentionArgs) { call(f, "Attention", a, f.Backend.Attention) }
func (f *faulty) AttentionBackward(a kernels.AttentionBackwardArgs) {
	call(f, "AttentionBackward", a, f.Backend.AttentionBackward)
}
func (f *faulty) GLU(a kernels.GLUArgs) { call(f, "GLU", a, f.Backend.GLU) }
func (f *faulty) GLUBackward(a kernels.GLUBackwardArgs) {
	call(f, "GLUBackward", a, f.Backend.GLUBackward)
}
func (f *faulty) Dropout(a kernels.DropoutArgs) { call(f, "Dropout", a, f.Backend.Dropout) }
func (f *faulty) CrossEntropy(a kernels.CrossEntropyArgs) {
	call(f, "CrossEntropy", a, f.Backend.CrossEntropy)
}
func (f *faulty) Sum(a kernels.SumArgs)               { call(f, "Sum", a, f.Backend.Sum) }
func (f *faulty) SumSquares(a kernels.SumSquaresArgs) { call(f, "SumSquares", a, f.Backend.SumSquares) }
func (f *faulty) Clip(a kernels.ClipArgs)             { call(f, "Clip", a, f.Backend.Clip) }
func (f *faulty) AdamW(a kernels.AdamWArgs)           { call(f, "AdamW", a, f.Backend.AdamW) }
func (f *faulty) Copy(a kernels.CopyArgs)             { call(f, "Copy", a, f.Backend.Copy) }
func (f *faulty) Fill(a kernels.FillArgs)             { call(f, "Fill", a, f.Backend.Fill) }
func (f *faulty) PagedWrite(a kernels.PagedWriteArgs) { call(f, "PagedWrite", a, f.Backend.PagedWrite) }
func (f *faulty) PagedAttention(a kernels.PagedAttentionArgs) {
	call(f, "PagedAttention", a, f.Backend.PagedAttention)
}
func (f *faulty) Sample(a kernels.SampleArgs) { call(f, "Sample", a, f.Backend.Sample) }

// outputs are the tensors that each op writes; every one of them is spoilt in turn.
var outputs = map[string][]string{
	"Embed": {"Out"}, "EmbedBackward": {"DTable"}, "Linear": {"Y"}, "LinearBackwardInput": {"DX"}, "LinearBackwardWeight": {"DW", "DBias"},
	"RMSNorm": {"Out", "Sum", "Rstd"}, "RMSNormBackward": {"DX", "DW"}, "Rope": {"QKV"}, "Attention": {"Out", "LSE"},
	"AttentionBackward": {"DQKV"}, "GLU": {"Out"}, "GLUBackward": {"DGateUp"}, "Dropout": {"Out"},
	"CrossEntropy": {"Loss", "Logits", "ArgMax"}, "Sum": {"Out"}, "SumSquares": {"Out"}, "Clip": {"Clip"},
	"AdamW": {"Master", "Shadow", "M", "V"}, "Copy": {"Dst"}, "Fill": {"Dst"}, "PagedWrite": {"KCache", "VCache"},
	"PagedAttention": {"Out"}, "Sample": {"Tokens", "LogProbs", "TopTokens", "TopLogProbs"},
}

// inputs are the tensors that each op reads and may not write.
var inputs = map[string][]string{
	"Embed": {"Table", "Tokens"}, "EmbedBackward": {"DOut"}, "Linear": {"X", "Bias"}, "LinearBackwardInput": {"DY"},
	"LinearBackwardWeight": {"DY", "X"}, "RMSNorm": {"X", "W"}, "RMSNormBackward": {"S", "W", "DOut"}, "Rope": {"Cos"},
	"Attention": {"QKV"}, "AttentionBackward": {"DOut"}, "GLU": {"GateUp"}, "GLUBackward": {"DOut"}, "Dropout": {"X"},
	"CrossEntropy": {"Targets", "Scale"}, "Sum": {"X"}, "SumSquares": {"X"}, "Clip": {"SumSquares"}, "AdamW": {"Grad"}, "Copy": {"X"},
	"PagedWrite": {"QKV"}, "PagedAttention": {"QKV", "KCache"}, "Sample": {"Logits"},
}

// tensor returns a field of an args struct.
func tensor(args any, field string) kernels.Tensor {
	return reflect.ValueOf(args).FieldByName(field).Interface().(kernels.Tensor)
}

// with returns the args with one field changed.
func with(args any, field string, value any) any {
	out := reflect.New(reflect.TypeOf(args)).Elem()
	out.Set(reflect.ValueOf(args))
	out.FieldByName(field).Set(reflect.ValueOf(value))
	return out.Interface()
}

// spoil changes the last element of a tensor by three percent and a little, or an integer by one.
func spoil(t kernels.Tensor) {
	n := t.Len()
	if t.IsZero() || n == 0 {
		return
	}
	size := t.Type.Size()
	all := t.HostBytes()
	last := all[(n-1)*size:]
	v := decode(t.Type, last)[0]
	if t.Type == kernels.I32 || t.Type == kernels.I64 || t.Type == kernels.U8 {
		v++
	} else {
		v = v*1.03 + 0.01
	}
	copy(last, encode(t.Type, []float64{v}))
}

// poke writes one byte at an offset from a tensor's first byte, wherever that is.
func poke(t kernels.Tensor, offset int64) {
	if t.IsZero() || t.Len() == 0 {
		return
	}
	t.Addr += uintptr(offset)
	t.HostBytes()[0] ^= 0x55
}
