package cpu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// device is the part of a backend that these cases use.
type device interface {
	Alloc(kernels.MemoryKind, int64) (*kernels.Memory, error)
	Sync() error
	kernels.EmbedOps
	kernels.NormOps
	kernels.RopeOps
	kernels.AttentionOps
	kernels.GLUOps
	kernels.DropoutOps
	kernels.CrossEntropyOps
	kernels.OptimizerOps
}

// bench is one backend with the tensors of one case. Equal cases on two backends get equal inputs.
type bench struct {
	b    device
	t    testing.TB
	rng  *rand.Rand
	outs []kernels.Tensor
}

func newBench(t testing.TB, b device) *bench {
	return &bench{b: b, t: t, rng: rand.New(rand.NewPCG(7, 9))}
}

func (c *bench) tensor(typ kernels.DType, dims ...int64) kernels.Tensor {
	mem, err := c.b.Alloc(kernels.MemActivations, kernels.ShapeOf(typ, dims...).Bytes())
	if err != nil {
		c.t.Fatal(err)
	}
	return kernels.NewTensor(mem, 0, typ, dims...)
}

// in returns a tensor of normal numbers.
func (c *bench) in(typ kernels.DType, dims ...int64) kernels.Tensor {
	x := c.tensor(typ, dims...)
	for i := range x.Len() {
		v := float32(c.rng.NormFloat64())
		switch typ {
		case kernels.F32:
			x.HostF32()[i] = v
		case kernels.BF16:
			x.HostU16()[i] = ref.Float64ToBF16(float64(v))
		case kernels.F16:
			x.HostU16()[i] = ref.Float64ToF16(float64(v))
		}
	}
	return x
}

func (c *bench) ints(limit int64, n int64) kernels.Tensor {
	x := c.tensor(kernels.I32, n)
	for i := range x.HostI32() {
		x.HostI32()[i] = int32(c.rng.Int64N(limit))
	}
	return x
}

func (c *bench) i32(values ...int32) kernels.Tensor {
	x := c.tensor(kernels.I32, int64(len(values)))
	copy(x.HostI32(), values)
	return x
}

func (c *bench) step(values ...int64) kernels.Tensor {
	x := c.tensor(kernels.I64, int64(len(values)))
	copy(x.HostI64(), values)
	return x
}

// out returns a poisoned tensor that is compared.
func (c *bench) out(typ kernels.DType, dims ...int64) kernels.Tensor {
	x := c.tensor(typ, dims...)
	for i := range x.HostBytes() {
		x.HostBytes()[i] = 0xff
	}
	c.outs = append(c.outs, x)
	return x
}

func (c *bench) work(bytes int64) kernels.Tensor {
	if bytes == 0 {
		return kernels.Tensor{}
	}
	return c.tensor(kernels.U8, bytes)
}

func values(x kernels.Tensor) []float64 {
	raw, size := x.HostBytes(), int(x.Type.Size())
	out := make([]float64, x.Len())
	for i := range out {
		p := raw[i*size:]
		switch x.Type {
		case kernels.F32:
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(p)))
		case kernels.BF16:
			out[i] = float64(ref.BF16ToFloat32(binary.LittleEndian.Uint16(p)))
		case kernels.F64:
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(p))
		case kernels.I32:
			out[i] = float64(int32(binary.LittleEndian.Uint32(p)))
		}
	}
	return out
}

// runCase builds and runs a case on b; the same seed gives the same inputs.
func runCase(t testing.TB, b device, f func(*bench)) []kernels.Tensor {
	t.Helper()
	c := newBench(t, b)
	f(c)
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	return c.outs
}

// against runs a case on the reference, and on every variant with 1, 2, 3 and 5 threads: within tol of the reference relative
// to the largest value (and half a step of BF16), bits equal over threads.
func against(t *testing.T, op string, tol float64, f func(*bench)) {
	t.Helper()
	oracle := ref.Open(ref.Options{})
	defer func() {
		if err := oracle.Close(); err != nil {
			t.Error(err)
		}
	}()
	want := runCase(t, oracle, f)
	var b1 *Backend
	for _, threads := range []int{1, 2, 3, 5} {
		b := open(t, threads)
		if threads == 1 {
			b1 = b
		}
		for _, v := range b.Variants() {
			if v.Op != op || !v.Available {
				continue
			}
			if err := kernels.Force(op+"="+v.Name, b.Variants()); err != nil {
				t.Fatal(err)
			}
			got := runCase(t, b, f)
			first := runCase(t, b1, f)
			for i := range got {
				if !bytes.Equal(got[i].HostBytes(), first[i].HostBytes()) {
					t.Errorf("%s %s: output %d has other bits with %d threads", op, v.Name, i, threads)
				}
				if problem := differs(got[i], want[i], tol); problem != "" {
					t.Errorf("%s %s, %d threads: output %d: %s", op, v.Name, threads, i, problem)
				}
			}
			if err := kernels.Force("", b.Variants()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func differs(got, want kernels.Tensor, tol float64) string {
	g, w, largest := values(got), values(want), 0.0
	for _, v := range w {
		if !math.IsInf(v, 0) {
			largest = max(largest, math.Abs(v))
		}
	}
	for i := range g {
		bound := tol * largest
		if got.Type == kernels.BF16 {
			bound += math.Abs(w[i]) / 127
		}
		same := math.IsNaN(w[i]) && math.IsNaN(g[i]) || g[i] == w[i]
		if !same && !(math.Abs(g[i]-w[i]) <= bound) {
			return fmt.Sprintf("element %d of %v is %g, want %g (bound %g)", i, got, g[i], w[i], bound)
		}
	}
	return ""
}

var activationTypes = []kernels.DType{kernels.F32, kernels.BF16}

func TestRMSNorm(t *testing.T) {
	for _, typ := range activationTypes {
		for _, shape := range [][2]int64{{1, 1}, {3, 7}, {70, 288}, {33, 515}} {
			n, c := shape[0], shape[1]
			against(t, "rmsnorm", 1e-6, func(p *bench) {
				p.b.RMSNorm(kernels.RMSNormArgs{Out: p.out(typ, n, c), X: p.in(typ, n, c), W: p.in(typ, c), Rstd: p.out(kernels.F32, n), Eps: 1e-5})
				p.b.RMSNorm(kernels.RMSNormArgs{Out: p.out(typ, n, c), Sum: p.out(typ, n, c), X: p.in(typ, n, c), Residual: p.in(typ, n, c),
					W: p.in(kernels.F32, c), Rstd: p.out(kernels.F32, n), Eps: 1e-5})
			})
			against(t, "rmsnorm_backward", 2e-6, func(p *bench) {
				for _, accumulate := range []bool{false, true} {
					dw := p.in(kernels.F32, c)
					p.outs = append(p.outs, dw)
					a := kernels.RMSNormBackwardArgs{DX: p.out(typ, n, c), DW: dw, DOut: p.in(typ, n, c), S: p.in(typ, n, c), W: p.in(typ, c), Accumulate: accumulate}
					a.Rstd = p.in(kernels.F32, n)
					if accumulate {
						a.DResidual = p.in(typ, n, c)
					}
					a.Work = p.work(p.b.RMSNormBackwardPlan(a))
					p.b.RMSNormBackward(a)
				}
			})
		}
	}
}

func TestRope(t *testing.T) {
	for _, typ := range activationTypes {
		for _, d := range []int64{2, 6, 32, 64, 100} {
			against(t, "rope", 1e-6, func(p *bench) {
				for _, inverse := range []bool{false, true} {
					qkv := p.in(typ, 37, 5, d)
					p.outs = append(p.outs, qkv)
					p.b.Rope(kernels.RopeArgs{QKV: qkv, Cos: p.in(kernels.F32, 11, d/2), Sin: p.in(kernels.F32, 11, d/2), Positions: p.ints(11, 37), Heads: 4, Inverse: inverse})
				}
			})
		}
	}
}

func TestGLU(t *testing.T) {
	for _, typ := range activationTypes {
		for _, act := range []kernels.Activation{kernels.SiLU, kernels.GELUTanh, kernels.ReLU} {
			for _, shape := range [][2]int64{{1, 1}, {3, 70}, {5, 2053}} {
				n, f := shape[0], shape[1]
				against(t, "glu", 1e-6, func(p *bench) {
					p.b.GLU(kernels.GLUArgs{Out: p.out(typ, n, f), GateUp: p.in(typ, n, 2*f), Act: act})
				})
				against(t, "glu_backward", 1e-6, func(p *bench) {
					p.b.GLUBackward(kernels.GLUBackwardArgs{DGateUp: p.out(typ, n, 2*f), DOut: p.in(typ, n, f), GateUp: p.in(typ, n, 2*f), Act: act})
				})
			}
		}
	}
}

func TestDropout(t *testing.T) {
	for _, typ := range activationTypes {
		for _, shape := range [][2]int64{{1, 1}, {3, 7}, {50, 515}} {
			for _, p0 := range []float32{0, 0.3} {
				against(t, "dropout", 2e-7, func(p *bench) {
					p.b.Dropout(kernels.DropoutArgs{Out: p.out(typ, shape[0], shape[1]), X: p.in(typ, shape[0], shape[1]),
						Dropout: kernels.Dropout{P: p0, Purpose: kernels.PurposeDropoutMLP, Layer: 3, Step: p.step(-5, 1<<40+3, 17, 1<<33+5)}})
				})
			}
		}
	}
}

func TestEmbed(t *testing.T) {
	for _, typ := range activationTypes {
		for _, table := range []kernels.DType{kernels.F32, kernels.BF16, kernels.F16} {
			against(t, "embed", 0, func(p *bench) {
				p.b.Embed(kernels.EmbedArgs{Out: p.out(typ, 33, 37), Table: p.in(table, 11, 37), Tokens: p.ints(11, 33)})
			})
		}
		against(t, "embed_backward", 1e-6, func(p *bench) {
			for _, accumulate := range []bool{false, true} {
				d := p.in(kernels.F32, 50, 77)
				p.outs = append(p.outs, d)
				p.b.EmbedBackward(kernels.EmbedBackwardArgs{DTable: d, DOut: p.in(typ, 33, 77), Tokens: p.ints(50, 33), Accumulate: accumulate})
			}
		})
	}
}

func TestCrossEntropy(t *testing.T) {
	for _, typ := range activationTypes {
		for _, v := range []int64{1, 5, 100, 5003} {
			against(t, "cross_entropy", 1e-6, func(p *bench) {
				n := int64(9)
				logits := p.in(typ, n, v)
				mask := p.tensor(kernels.U8, n)
				for i := range mask.HostU8() {
					mask.HostU8()[i] = uint8(i % 3)
				}
				scale := p.tensor(kernels.F32, 1)
				scale.HostF32()[0] = 0.25
				p.outs = append(p.outs, logits)
				p.b.CrossEntropy(kernels.CrossEntropyArgs{Loss: p.out(kernels.F32, n), Logits: logits, Targets: p.ints(v, n), Mask: mask,
					Scale: scale, ArgMax: p.out(kernels.I32, n), Gradient: true})
				p.b.CrossEntropy(kernels.CrossEntropyArgs{Loss: p.out(kernels.F32, n), Logits: p.in(typ, n, v), Targets: p.ints(v, n)})
			})
		}
	}
}

func TestSums(t *testing.T) {
	for _, n := range []int64{1, 77, 16384*3 + 5} {
		against(t, "sum", 1e-12, func(p *bench) {
			p.b.Sum(kernels.SumArgs{Out: p.out(kernels.F64, 1), X: p.in(kernels.F32, n)})
		})
		for _, typ := range activationTypes {
			against(t, "sum_squares", 1e-12, func(p *bench) {
				out := p.out(kernels.F64, 1)
				out.HostF64()[0] = 3
				p.b.SumSquares(kernels.SumSquaresArgs{Out: out, X: p.in(typ, n), Accumulate: true})
			})
		}
	}
}

func TestAdamW(t *testing.T) {
	for _, typ := range activationTypes {
		against(t, "adamw", 1e-6, func(p *bench) {
			l := int64(10 * kernels.Block)
			f32 := func(v ...float32) kernels.Tensor {
				x := p.tensor(kernels.F32, int64(len(v)))
				copy(x.HostF32(), v)
				return x
			}
			sumsq, loss := p.tensor(kernels.F64, 1), p.tensor(kernels.F64, 1)
			sumsq.HostF64()[0], loss.HostF64()[0] = 9, 2
			clip := p.out(kernels.F32, kernels.ClipLen)
			p.b.Clip(kernels.ClipArgs{Clip: clip, SumSquares: sumsq, Loss: loss, MaxNorm: 1})
			m, v := p.in(typ, l), p.in(typ, l)
			for i, x := range v.HostBytes() {
				v.HostBytes()[i] = x
			}
			p.b.GLU(kernels.GLUArgs{Out: v.Reshape(1, l), GateUp: p.in(typ, 1, 2*l), Act: kernels.ReLU})
			p.b.Dropout(kernels.DropoutArgs{Out: v.Reshape(1, l), X: v.Reshape(1, l)})
			if err := p.b.Sync(); err != nil {
				p.t.Fatal(err)
			}
			for i := range l { // second moments are positive
				if typ == kernels.F32 {
					v.HostF32()[i] = float32(math.Abs(float64(v.HostF32()[i])))
				} else {
					v.HostU16()[i] &= 0x7fff
				}
			}
			decay := p.tensor(kernels.U8, l/kernels.Block)
			copy(decay.HostU8(), []uint8{1, 0, 1, 2})
			master := p.in(kernels.F32, l)
			p.outs = append(p.outs, master, m, v)
			p.b.AdamW(kernels.AdamWArgs{Master: master, Shadow: p.out(kernels.BF16, l), Grad: p.in(kernels.F32, l), M: m, V: v, Decay: decay,
				Hyper: f32(1e-2, 3, 5), Clip: clip, Step: p.step(3, 9, 0, 0), First: 1 << 35, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1})
		})
	}
}

func TestAttention(t *testing.T) {
	type shape struct {
		lens       []int32
		h, k, d, w int64
		p          float32
	}
	for _, typ := range activationTypes {
		for _, s := range []shape{
			{[]int32{1}, 1, 1, 2, 0, 0},
			{[]int32{5, 0, 70, 1}, 4, 2, 6, 0, 0},
			{[]int32{150, 64, 65}, 2, 2, 32, 0, 0.2},
			{[]int32{200, 3}, 4, 1, 64, 70, 0},
			{[]int32{130}, 2, 1, 40, 3, 0.1},
			{[]int32{90}, 1, 1, 256, 1, 0},
		} {
			culens, n := []int32{0}, int32(0)
			for _, l := range s.lens {
				n += l
				culens = append(culens, n)
			}
			rows, r := int64(n), s.h+2*s.k
			name := fmt.Sprintf("%v lens=%v h=%d k=%d d=%d w=%d p=%g", typ, s.lens, s.h, s.k, s.d, s.w, s.p)
			t.Run(name, func(t *testing.T) {
				drop := func(p *bench) kernels.Dropout {
					return kernels.Dropout{P: s.p, Purpose: kernels.PurposeDropoutAttn, Layer: 2, Step: p.step(11, 4, 1000, 0)}
				}
				against(t, "attention", 2e-6, func(p *bench) {
					p.b.Attention(kernels.AttentionArgs{Out: p.out(typ, rows, s.h, s.d), LSE: p.out(kernels.F32, s.h, rows), QKV: p.in(typ, rows, r, s.d),
						CuLens: p.i32(culens...), Heads: s.h, KVHeads: s.k, MaxLen: rows, Window: s.w, Scale: 0.3, Dropout: drop(p)})
				})
				oracle := ref.Open(ref.Options{})
				defer oracle.Close()
				var saved []byte
				runCase(t, oracle, func(p *bench) {
					qkv := p.in(typ, rows, r, s.d)
					lse := p.tensor(kernels.F32, s.h, rows)
					p.b.Attention(kernels.AttentionArgs{Out: p.tensor(typ, rows, s.h, s.d), LSE: lse, QKV: qkv, CuLens: p.i32(culens...), Heads: s.h,
						KVHeads: s.k, MaxLen: rows, Window: s.w, Scale: 0.3, Dropout: drop(p)})
					saved = bytes.Clone(lse.HostBytes())
				})
				against(t, "attention_backward", 1e-5, func(p *bench) {
					a := kernels.AttentionBackwardArgs{QKV: p.in(typ, rows, r, s.d), DQKV: p.out(typ, rows, r, s.d), DOut: p.in(typ, rows, s.h, s.d),
						Out: p.in(typ, rows, s.h, s.d), LSE: p.tensor(kernels.F32, s.h, rows), CuLens: p.i32(culens...), Heads: s.h, KVHeads: s.k,
						MaxLen: rows, Window: s.w, Scale: 0.3, Dropout: drop(p)}
					copy(a.LSE.HostBytes(), saved)
					a.Work = p.work(p.b.AttentionBackwardPlan(a))
					p.b.AttentionBackward(a)
				})
			})
		}
	}
}
