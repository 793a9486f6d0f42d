package ref_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// rig makes tensors on one reference device.
type rig struct {
	t   testing.TB
	b   *ref.Backend
	rng *rand.Rand
}

func newRig(t testing.TB) *rig {
	r := &rig{t, ref.Open(ref.Options{}), rand.New(rand.NewPCG(1, 2))}
	t.Cleanup(func() { r.check(r.b.Close()) })
	return r
}

func (r *rig) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) empty(d kernels.DType, dims ...int64) kernels.Tensor {
	mem, err := r.b.Alloc(kernels.MemInputs, kernels.ShapeOf(d, dims...).Bytes())
	r.check(err)
	return kernels.NewTensor(mem, 0, d, dims...)
}

func (r *rig) random(dims ...int64) kernels.Tensor {
	x := r.empty(kernels.F64, dims...)
	for i := range x.HostF64() {
		x.HostF64()[i] = r.rng.NormFloat64()
	}
	return x
}

func (r *rig) ints(values ...int32) kernels.Tensor {
	x := r.empty(kernels.I32, int64(len(values)))
	copy(x.HostI32(), values)
	return x
}

func (r *rig) weight(w kernels.Tensor) kernels.Weight {
	out, err := r.b.Prepare(w, kernels.WeightTrained)
	r.check(err)
	return out
}

// differences compares grad with central differences of loss = Σ out·dout, where run computes out from x. The step 1e-4 leaves
// an error of the order 1e-8 relative to the largest gradient.
func (r *rig) differences(name string, run func(), x, grad, out, dout kernels.Tensor) {
	r.t.Helper()
	loss := func() float64 {
		run()
		r.check(r.b.Sync())
		sum := 0.0
		for i, v := range out.HostF64() {
			sum += v * dout.HostF64()[i]
		}
		return sum
	}
	const h = 1e-4
	worst, largest := 0.0, 0.0
	for i, old := range x.HostF64() {
		x.HostF64()[i] = old + h
		up := loss()
		x.HostF64()[i] = old - h
		down := loss()
		x.HostF64()[i] = old
		want := (up - down) / (2 * h)
		worst = math.Max(worst, math.Abs(grad.HostF64()[i]-want))
		largest = math.Max(largest, math.Abs(want))
	}
	if !(worst <= 2e-7*largest) || largest == 0 {
		r.t.Errorf("%s: gradient is off by %g where the largest is %g", name, worst, largest)
	}
}

func TestLinearGradients(t *testing.T) {
	r := newRig(t)
	x, w, bias := r.random(3, 5), r.random(4, 5), r.random(4)
	y, dy := r.random(3, 4), r.random(3, 4)
	dx, dw, dbias := r.random(3, 5), r.random(4, 5), r.random(4)
	run := func() { r.b.Linear(kernels.LinearArgs{Y: y, X: x, W: r.weight(w), Bias: bias}) }
	r.b.LinearBackwardInput(kernels.LinearBackwardInputArgs{DX: dx, DY: dy, W: r.weight(w)})
	r.b.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{DW: dw, DBias: dbias, DY: dy, X: x, Math: kernels.F64})
	r.check(r.b.Sync())
	r.differences("x", run, x, dx, y, dy)
	r.differences("w", run, w, dw, y, dy)
	r.differences("bias", run, bias, dbias, y, dy)
}

func TestAccumulateAddsToWhatIsThere(t *testing.T) {
	r := newRig(t)
	x, dy, dw := r.random(3, 5), r.random(3, 4), r.random(4, 5)
	before := append([]float64(nil), dw.HostF64()...)
	fresh := r.random(4, 5)
	args := kernels.LinearBackwardWeightArgs{DW: fresh, DY: dy, X: x, Math: kernels.F64}
	r.b.LinearBackwardWeight(args)
	args.DW, args.Accumulate = dw, true
	r.b.LinearBackwardWeight(args)
	r.check(r.b.Sync())
	for i, v := range dw.HostF64() {
		if want := before[i] + fresh.HostF64()[i]; !(math.Abs(v-want) <= 1e-14) {
			t.Fatalf("element %d is %g, want %g", i, v, want)
		}
	}
}

func TestRMSNormGradients(t *testing.T) {
	r := newRig(t)
	x, residual, w := r.random(3, 7), r.random(3, 7), r.random(7)
	out, sum, rstd, dout := r.random(3, 7), r.random(3, 7), r.random(3), r.random(3, 7)
	run := func() {
		r.b.RMSNorm(kernels.RMSNormArgs{Out: out, Sum: sum, Rstd: rstd, X: x, Residual: residual, W: w, Eps: 1e-5})
	}
	run()
	dx, dw := r.random(3, 7), r.random(7)
	r.b.RMSNormBackward(kernels.RMSNormBackwardArgs{DX: dx, DW: dw, DOut: dout, S: sum, Rstd: rstd, W: w})
	r.check(r.b.Sync())
	r.differences("x", run, x, dx, out, dout)
	r.differences("residual", run, residual, dx, out, dout)
	r.differences("w", run, w, dw, out, dout)
}

func TestRopeIsARotation(t *testing.T) {
	r := newRig(t)
	const heads, dim = 3, 6
	qkv, cos, sin := r.random(4, heads+1, dim), r.random(9, dim/2), r.random(9, dim/2)
	for i := range cos.HostF64() {
		angle := r.rng.Float64()
		cos.HostF64()[i], sin.HostF64()[i] = math.Cos(angle), math.Sin(angle)
	}
	before := append([]float64(nil), qkv.HostF64()...)
	args := kernels.RopeArgs{QKV: qkv, Cos: cos, Sin: sin, Positions: r.ints(8, 0, 3, 3), Heads: heads}
	r.b.Rope(args)
	moved := qkv.HostF64()[0] != before[0]
	args.Inverse = true // the transpose of a rotation is its inverse, so this is the backward pass
	r.b.Rope(args)
	r.check(r.b.Sync())
	for i, v := range qkv.HostF64() {
		if !(math.Abs(v-before[i]) <= 1e-14) || !moved {
			t.Fatalf("element %d is %g after there and back, was %g; moved %v", i, v, before[i], moved)
		}
	}
}

func TestAttentionGradients(t *testing.T) {
	for name, c := range map[string]struct {
		heads, kv, window int64
		p                 float32
	}{"plain": {2, 2, 0, 0}, "grouped": {4, 2, 0, 0}, "window": {2, 1, 2, 0}, "dropout": {2, 1, 0, 0.3}} {
		r := newRig(t)
		const n, dim = 7, 3
		qkv, out, dout := r.random(n, c.heads+2*c.kv, dim), r.random(n, c.heads, dim), r.random(n, c.heads, dim)
		lse, dqkv, step := r.random(c.heads, n), r.random(n, c.heads+2*c.kv, dim), r.empty(kernels.I64, kernels.StepLen)
		copy(step.HostI64(), []int64{5, 3, 11, 0})
		f := kernels.AttentionArgs{
			Out: out, LSE: lse, QKV: qkv, CuLens: r.ints(0, 4, 4, 7), Heads: c.heads, KVHeads: c.kv, MaxLen: 4, Window: c.window,
			Scale: 0.7, Dropout: kernels.Dropout{P: c.p, Purpose: kernels.PurposeDropoutAttn, Layer: 2, Step: step},
		}
		run := func() { r.b.Attention(f) }
		run()
		r.b.AttentionBackward(kernels.AttentionBackwardArgs{
			DQKV: dqkv, DOut: dout, Out: out, LSE: lse, QKV: qkv, CuLens: f.CuLens, Heads: c.heads, KVHeads: c.kv,
			MaxLen: 4, Window: c.window, Scale: f.Scale, Dropout: f.Dropout,
		})
		r.check(r.b.Sync())
		r.differences(name, run, qkv, dqkv, out, dout)
	}
}

func TestGLUGradients(t *testing.T) {
	for _, act := range []kernels.Activation{kernels.SiLU, kernels.GELUTanh, kernels.ReLU} {
		r := newRig(t)
		x, out, dout, dx := r.random(3, 10), r.random(3, 5), r.random(3, 5), r.random(3, 10)
		run := func() { r.b.GLU(kernels.GLUArgs{Out: out, GateUp: x, Act: act}) }
		r.b.GLUBackward(kernels.GLUBackwardArgs{DGateUp: dx, DOut: dout, GateUp: x, Act: act})
		r.check(r.b.Sync())
		r.differences("gateup", run, x, dx, out, dout)
	}
}

func TestCrossEntropyGradients(t *testing.T) {
	r := newRig(t)
	logits, loss, scale, dloss := r.random(4, 9), r.random(4), r.random(1), r.random(4)
	mask := r.empty(kernels.U8, 4)
	copy(mask.HostU8(), []byte{1, 0, 1, 1})
	args := kernels.CrossEntropyArgs{Loss: loss, Logits: logits, Targets: r.ints(3, -7, 0, 8), Mask: mask, Scale: scale}
	for i := range dloss.HostF64() {
		dloss.HostF64()[i] = scale.HostF64()[0]
	}
	grad := r.random(4, 9)
	copy(grad.HostF64(), logits.HostF64())
	back := args
	back.Logits, back.Gradient = grad, true
	r.b.CrossEntropy(back)
	r.check(r.b.Sync())
	r.differences("logits", func() { r.b.CrossEntropy(args) }, logits, grad, loss, dloss)
}

func TestEmbedAndDropoutGradients(t *testing.T) {
	r := newRig(t)
	table, out, dout, dtable := r.random(5, 3), r.random(4, 3), r.random(4, 3), r.random(5, 3)
	tokens := r.ints(4, 1, 4, 0)
	r.b.EmbedBackward(kernels.EmbedBackwardArgs{DTable: dtable, DOut: dout, Tokens: tokens})
	r.check(r.b.Sync())
	r.differences("table", func() { r.b.Embed(kernels.EmbedArgs{Out: out, Table: table, Tokens: tokens}) }, table, dtable, out, dout)

	x, dx, step := r.random(4, 3), r.random(4, 3), r.empty(kernels.I64, kernels.StepLen)
	drop := kernels.Dropout{P: 0.4, Purpose: kernels.PurposeDropoutMLP, Step: step}
	r.b.Dropout(kernels.DropoutArgs{Out: dx, X: dout, Dropout: drop})
	r.check(r.b.Sync())
	r.differences("x", func() { r.b.Dropout(kernels.DropoutArgs{Out: out, X: x, Dropout: drop}) }, x, dx, out, dout)
}
