// Not with tag cuda: see oracle_test.go.
//go:build !cuda

package kerneltest_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// bench makes tensors of one float dtype on a backend.
type bench struct {
	t *testing.T
	b kernels.Backend
	d kernels.DType
}

func (x bench) check(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x bench) empty(d kernels.DType, dims ...int64) kernels.Tensor {
	mem, err := x.b.Alloc(kernels.MemActivations, kernels.ShapeOf(d, dims...).Bytes())
	x.check(err)
	return kernels.NewTensor(mem, 0, d, dims...)
}

func (x bench) act(dims ...int64) kernels.Tensor { return x.empty(x.d, dims...) }

func (x bench) put(values []float64, dims ...int64) kernels.Tensor {
	out := x.act(dims...)
	var data []byte
	for _, v := range values {
		if x.d == kernels.F64 {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		} else {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
	}
	x.b.Write(out, data)
	return out
}

func (x bench) ints(values []int32) kernels.Tensor {
	out := x.empty(kernels.I32, int64(len(values)))
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	x.b.Write(out, data)
	return out
}

func (x bench) get(t kernels.Tensor) []float64 {
	data, out := make([]byte, t.Bytes()), make([]float64, t.Len())
	x.check(x.b.Read(data, t))
	for i := range out {
		if t.Type == kernels.F64 {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		} else {
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
		}
	}
	return out
}

func (x bench) work(n int64) kernels.Tensor {
	if n == 0 {
		return kernels.Tensor{}
	}
	return x.empty(kernels.U8, n)
}

// block is the state of one forward and backward pass composed of a backend's ops.
type block struct {
	bench
	w, grads                  map[string]kernels.Tensor
	h1, r1, qkv, att, lse     kernels.Tensor
	s, h2, r2, gateup, ff, y  kernels.Tensor
	culens, positions         kernels.Tensor
	cos, sin, dlogits, losses kernels.Tensor
}

func (k *block) weight(name string) kernels.Weight {
	w, err := k.b.Prepare(k.w[name], kernels.WeightTrained)
	k.check(err)
	return w
}

func (k *block) linear(name string, x kernels.Tensor, out int64) kernels.Tensor {
	y := k.act(x.Dim(0), out)
	k.b.Linear(kernels.LinearArgs{Y: y, X: x, W: k.weight(name)})
	return y
}

// back returns dx and fills the gradient of the weight.
func (k *block) back(name string, dy, x kernels.Tensor) kernels.Tensor {
	dx := k.act(x.Dim(0), x.Dim(1))
	k.b.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{DW: k.grads[name], DY: dy, X: x, Math: k.d})
	k.b.LinearBackwardInput(kernels.LinearBackwardInputArgs{DX: dx, DY: dy, W: k.weight(name)})
	return dx
}

func (k *block) forward() {
	const n, width = blockRows, blockHeads * blockHead
	k.h1, k.r1, k.lse = k.act(n, blockDim), k.act(n), k.act(blockHeads, n)
	k.b.RMSNorm(kernels.RMSNormArgs{Out: k.h1, Rstd: k.r1, X: k.w["x"], W: k.w["norm1"], Eps: blockEps})
	k.qkv = k.linear("qkv", k.h1, (blockHeads+2*blockKV)*blockHead).Reshape(n, blockHeads+2*blockKV, blockHead)
	k.rope(k.qkv, false)
	a := kernels.AttentionArgs{
		Out: k.act(n, blockHeads, blockHead), LSE: k.lse, QKV: k.qkv, CuLens: k.culens, Heads: blockHeads, KVHeads: blockKV,
		MaxLen: 4, Scale: blockScale,
	}
	a.Work = k.work(k.b.AttentionPlan(a))
	k.b.Attention(a)
	k.att = a.Out.Reshape(n, width)
	o := k.linear("o", k.att, blockDim)
	k.s, k.h2, k.r2 = k.act(n, blockDim), k.act(n, blockDim), k.act(n)
	k.b.RMSNorm(kernels.RMSNormArgs{Out: k.h2, Sum: k.s, Rstd: k.r2, X: o, Residual: k.w["x"], W: k.w["norm2"], Eps: blockEps})
	k.gateup = k.linear("gateup", k.h2, 2*blockFF)
	k.ff = k.act(n, blockFF)
	k.b.GLU(kernels.GLUArgs{Out: k.ff, GateUp: k.gateup})
	k.y = k.act(n, blockDim)
	k.b.Copy(kernels.CopyArgs{Dst: k.y, X: k.s})
	k.b.Linear(kernels.LinearArgs{Y: k.y, X: k.ff, W: k.weight("down"), Accumulate: true})
}

func (k *block) rope(qkv kernels.Tensor, inverse bool) {
	k.b.Rope(kernels.RopeArgs{QKV: qkv, Cos: k.cos, Sin: k.sin, Positions: k.positions, Heads: blockHeads + blockKV, Inverse: inverse})
}

func (k *block) loss() {
	mask := k.empty(kernels.U8, blockRows)
	k.b.Write(mask, blockMask)
	k.dlogits, k.losses = k.linear("head", k.y, blockVocab), k.act(blockRows)
	k.b.CrossEntropy(kernels.CrossEntropyArgs{
		Loss: k.losses, Logits: k.dlogits, Targets: k.ints(blockTargets), Mask: mask, Scale: k.put([]float64{blockLoss}, 1), Gradient: true,
	})
}

func (k *block) backward() {
	dy := k.back("head", k.dlogits, k.y)
	dff := k.back("down", dy, k.ff)
	dgateup := k.act(blockRows, 2*blockFF)
	k.b.GLUBackward(kernels.GLUBackwardArgs{DGateUp: dgateup, DOut: dff, GateUp: k.gateup})
	ds := k.normBack("norm2", k.act(blockRows, blockDim), k.back("gateup", dgateup, k.h2), dy, k.s, k.r2)
	datt := k.back("o", ds, k.att)
	f := k.qkv
	a := kernels.AttentionBackwardArgs{
		DQKV: k.act(f.Dims()...), DOut: datt.Reshape(blockRows, blockHeads, blockHead), Out: k.att.Reshape(blockRows, blockHeads, blockHead),
		LSE: k.lse, QKV: f, CuLens: k.culens, Heads: blockHeads, KVHeads: blockKV, MaxLen: 4, Scale: blockScale,
	}
	a.Work = k.work(k.b.AttentionBackwardPlan(a))
	k.b.AttentionBackward(a)
	k.rope(a.DQKV, true)
	dh1 := k.back("qkv", a.DQKV.Reshape(blockRows, f.Dim(1)*f.Dim(2)), k.h1)
	k.normBack("norm1", k.grads["x"], dh1, ds, k.w["x"], k.r1)
}

func (k *block) normBack(name string, dx, dout, dresidual, s, rstd kernels.Tensor) kernels.Tensor {
	a := kernels.RMSNormBackwardArgs{DX: dx, DW: k.grads[name], DOut: dout, DResidual: dresidual, S: s, Rstd: rstd, W: k.w[name]}
	a.Work = k.work(k.b.RMSNormBackwardPlan(a))
	k.b.RMSNormBackward(a)
	return dx
}

// backendBlock computes loss and gradients of the block by a backend's ops.
func backendBlock(t *testing.T, b kernels.Backend, d kernels.DType) blockResult {
	k := &block{bench: bench{t, b, d}, w: map[string]kernels.Tensor{}, grads: map[string]kernels.Tensor{}}
	for name, values := range blockValues() {
		k.w[name], k.grads[name] = k.put(values, blockSizes[name]...), k.act(blockSizes[name]...)
	}
	cos, sin := blockRotation()
	k.cos, k.sin = k.put(cos, 4, blockHead/2), k.put(sin, 4, blockHead/2)
	k.culens, k.positions = k.ints(blockDocs), k.ints(blockAngles)
	k.forward()
	k.loss()
	k.backward()
	k.check(b.Sync())
	out := blockResult{grads: map[string][]float64{}}
	for _, v := range k.get(k.losses) {
		out.loss += v * blockLoss
	}
	for name, grad := range k.grads {
		out.grads[name] = k.get(grad)
	}
	return out
}

func compareBlocks(t *testing.T, got, want blockResult, tol float64) {
	t.Helper()
	if err := math.Abs(got.loss - want.loss); !(err <= tol*want.loss) {
		t.Errorf("loss %.15g, oracle %.15g", got.loss, want.loss)
	}
	for _, name := range blockNames {
		worst, largest := 0.0, 0.0
		for i, w := range want.grads[name] {
			if err := math.Abs(got.grads[name][i] - w); !(err <= worst) {
				worst = err
			}
			largest = max(largest, math.Abs(w))
		}
		if !(worst <= tol*largest) || largest == 0 {
			t.Errorf("gradient of %s: error %.3g, largest %.3g", name, worst, largest)
		}
	}
}

func TestBlockOfReferenceAgainstOracle(t *testing.T) {
	b := ref.Open(ref.Options{})
	defer b.Close()
	compareBlocks(t, backendBlock(t, b, kernels.F64), oracleBlock(t), 1e-12)
}
