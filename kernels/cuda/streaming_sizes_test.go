//go:build cuda && emulator

package cuda

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// The conformance suite's tensors are small and lie at odd addresses. Here rows are as long as models have them, and begin at
// multiples of 16 bytes, or not: that may not change a bit.

// rig makes the tensors of one run: the same numbers for the same name on every backend.
type rig struct {
	kernels.Backend
	t       *testing.T
	shift   int64 // elements by which tensors are off a multiple of 16 bytes
	outputs []kernels.Tensor
}

func (b *rig) tensor(d kernels.DType, dims ...int64) kernels.Tensor {
	n := kernels.ShapeOf(d, dims...).Bytes()
	mem, err := b.Alloc(kernels.MemInputs, n+64)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { b.Free(mem) })
	return kernels.NewTensor(mem, b.shift*d.Size(), d, dims...)
}

// in holds normally distributed numbers.
func (b *rig) in(name string, d kernels.DType, dims ...int64) kernels.Tensor {
	h := fnv.New64a()
	fmt.Fprint(h, name)
	rng, t := rand.New(rand.NewPCG(h.Sum64(), 2)), b.tensor(d, dims...)
	for i := range t.Len() {
		v := rng.NormFloat64()
		switch d {
		case kernels.F32:
			t.HostF32()[i] = float32(v)
		case kernels.BF16:
			t.HostU16()[i] = ref.Float64ToBF16(v)
		case kernels.F16:
			t.HostU16()[i] = ref.Float64ToF16(v)
		}
	}
	return t
}

// tokens are numbers below limit, every third the same.
func (b *rig) tokens(n, limit int64) kernels.Tensor {
	rng, t := rand.New(rand.NewPCG(7, 7)), b.tensor(kernels.I32, n)
	for i := range t.HostI32() {
		t.HostI32()[i] = int32(rng.Int64N(limit))
		if i%3 == 0 {
			t.HostI32()[i] = int32(limit / 2)
		}
	}
	return t
}

// out is an output; it starts with numbers, since it may be accumulated into.
func (b *rig) out(name string, d kernels.DType, dims ...int64) kernels.Tensor {
	t := b.in("before "+name, d, dims...)
	b.outputs = append(b.outputs, t)
	return t
}

func (b *rig) work(n int64) kernels.Tensor { return b.tensor(kernels.U8, max(n, 1)) }

// sized is one call of an op.
type sized struct {
	name string
	run  func(b *rig)
}

func sizedCases() []sized {
	var out []sized
	for _, d := range []kernels.DType{kernels.F32, kernels.BF16} {
		out = append(out, sizedEmbed(d)...)
		out = append(out, sizedNorm(d)...)
		out = append(out, sizedRows(d)...)
	}
	return append(out, sizedCopies()...)
}

// sizedEmbed has several tiles of rows, and vocabularies of one, two and three digits of the sort.
func sizedEmbed(d kernels.DType) []sized {
	var out []sized
	for _, table := range []kernels.DType{kernels.F32, kernels.BF16, kernels.F16} {
		out = append(out, sized{fmt.Sprint("embed ", table, " to ", d), func(b *rig) {
			b.Embed(kernels.EmbedArgs{Out: b.out("out", d, 300, 264), Table: b.in("table", table, 100, 264), Tokens: b.tokens(300, 100)})
		}})
	}
	for _, s := range []struct{ n, vocab, dim int64 }{{2048, 512, 64}, {9000, 3001, 16}, {2500, 262145, 8}, {70, 40, 2064}} {
		for _, accumulate := range []bool{false, true} {
			out = append(out, sized{fmt.Sprint("embed_backward ", s, d, accumulate), func(b *rig) {
				a := kernels.EmbedBackwardArgs{
					DTable: b.out("dtable", kernels.F32, s.vocab, s.dim), DOut: b.in("dout", d, s.n, s.dim), Tokens: b.tokens(s.n, s.vocab), Accumulate: accumulate,
				}
				a.Work = b.work(b.EmbedBackwardPlan(a))
				b.EmbedBackward(a)
			}})
		}
	}
	return out
}

// sizedNorm has rows of every number of threads, rows that do not fit the registers, and more rows than the backward blocks take at once.
func sizedNorm(d kernels.DType) []sized {
	var out []sized
	for _, s := range []struct{ n, c int64 }{{3300, 256}, {9, 520}, {1000, 1032}, {7, 4096}, {150, 4104}, {3, 8192}, {140, 9000}} {
		for _, residual := range []bool{false, true} {
			out = append(out, sized{fmt.Sprint("rmsnorm ", s, d, residual), func(b *rig) {
				a := kernels.RMSNormArgs{
					Out: b.out("out", d, s.n, s.c), Rstd: b.out("rstd", kernels.F32, s.n), X: b.in("x", d, s.n, s.c), W: b.in("w", d, s.c), Eps: 1e-5,
				}
				if residual {
					a.Sum, a.Residual = b.out("sum", d, s.n, s.c), b.in("residual", d, s.n, s.c)
				}
				b.RMSNorm(a)
			}}, sized{fmt.Sprint("rmsnorm_backward ", s, d, residual), func(b *rig) {
				a := kernels.RMSNormBackwardArgs{
					DX: b.out("dx", d, s.n, s.c), DW: b.out("dw", kernels.F32, s.c), DOut: b.in("dout", d, s.n, s.c), S: b.in("s", d, s.n, s.c),
					Rstd: b.in("rstd", kernels.F32, s.n), W: b.in("w", d, s.c), Accumulate: residual,
				}
				if residual {
					a.DResidual = b.in("dresidual", d, s.n, s.c)
				}
				a.Work = b.work(b.RMSNormBackwardPlan(a))
				b.RMSNormBackward(a)
			}})
		}
	}
	return out
}

func sizedRows(d kernels.DType) []sized {
	var out []sized
	for act := kernels.SiLU; act <= kernels.ReLU; act++ {
		out = append(out, sized{fmt.Sprint("glu ", d, act), func(b *rig) {
			b.GLU(kernels.GLUArgs{Out: b.out("out", d, 3, 2816), GateUp: b.in("gateup", d, 3, 2*2816), Act: act})
		}}, sized{fmt.Sprint("glu_backward ", d, act), func(b *rig) {
			b.GLUBackward(kernels.GLUBackwardArgs{DGateUp: b.out("dgateup", d, 3, 2*2816), DOut: b.in("dout", d, 3, 2816), GateUp: b.in("gateup", d, 3, 2*2816), Act: act})
		}})
	}
	for _, dim := range []int64{64, 128} {
		out = append(out, sized{fmt.Sprint("rope ", d, dim), func(b *rig) {
			b.Rope(kernels.RopeArgs{
				QKV: b.out("qkv", d, 5, 48, dim), Cos: b.in("cos", kernels.F32, 40, dim/2), Sin: b.in("sin", kernels.F32, 40, dim/2), Positions: b.tokens(5, 40), Heads: 40,
			})
		}})
	}
	for _, c := range []int64{4096, 4100, 4099} { // a word of the stream for every element, from the middle of a block or not
		out = append(out, sized{fmt.Sprint("dropout ", d, c), func(b *rig) {
			step := b.tensor(kernels.I64, kernels.StepLen)
			copy(step.HostI64(), []int64{1 << 50, 1 << 34, 3, 1<<33 + 1})
			b.Dropout(kernels.DropoutArgs{Out: b.out("out", d, 9, c), X: b.in("x", d, 9, c), Dropout: kernels.Dropout{P: 0.3, Purpose: kernels.PurposeDropoutMLP, Layer: 5, Step: step}})
		}})
	}
	return out
}

func sizedCopies() []sized {
	var out []sized
	kinds := []kernels.DType{kernels.F32, kernels.BF16, kernels.F16}
	for _, n := range []int64{4096, 10007} {
		for _, from := range kinds {
			for _, to := range kinds {
				out = append(out, sized{fmt.Sprint("copy ", n, from, to), func(b *rig) {
					b.Copy(kernels.CopyArgs{Dst: b.out("dst", to, n), X: b.in("x", from, n), Accumulate: to != kernels.F16 && n > 5000})
				}})
			}
			out = append(out, sized{fmt.Sprint("fill ", n, from), func(b *rig) { b.Fill(kernels.FillArgs{Dst: b.out("dst", from, n), Value: math.Pi}) }})
		}
	}
	return out
}

// runSized runs a call and returns what it wrote.
func runSized(t *testing.T, c sized, backend kernels.Backend, shift int64) []kernels.Tensor {
	t.Helper()
	b := &rig{Backend: backend, t: t, shift: shift}
	c.run(b)
	if err := b.Sync(); err != nil {
		t.Fatalf("%s: %v", c.name, err)
	}
	return b.outputs
}

func TestStreamingOpsAtTheirSizes(t *testing.T) {
	for _, c := range sizedCases() {
		t.Run(c.name, func(t *testing.T) {
			device, err := openStreaming()
			if err != nil {
				t.Fatal(err)
			}
			aligned, odd := runSized(t, c, device, 0), runSized(t, c, device, 1)
			for i, want := range runSized(t, c, ref.Open(ref.Options{}), 0) {
				if !bytes.Equal(aligned[i].HostBytes(), odd[i].HostBytes()) {
					t.Errorf("output %d: other bits at odd addresses", i)
				}
				if worst := worstError(aligned[i], want); !(worst <= 1) {
					t.Errorf("output %d: an error of %.3g times what is allowed", i, worst)
				}
			}
		})
	}
}

// worstError is the largest error in units of what is allowed: a rounding of a two-byte type, 4e-6 of the largest number in f32.
func worstError(got, want kernels.Tensor) float64 {
	g, w := numbers(got), numbers(want)
	largest, worst := 0.0, 0.0
	for _, v := range w {
		largest = max(largest, math.Abs(v))
	}
	for i, v := range w {
		allowed := 4e-6 * largest
		if want.Type != kernels.F32 {
			allowed += math.Abs(v) / 127
		}
		if err := math.Abs(g[i]-v) / allowed; err > worst || math.IsNaN(err) {
			worst = err
		}
	}
	return worst
}

func numbers(t kernels.Tensor) []float64 {
	out := make([]float64, t.Len())
	for i := range out {
		switch t.Type {
		case kernels.F32:
			out[i] = float64(t.HostF32()[i])
		case kernels.BF16:
			out[i] = float64(ref.BF16ToFloat32(t.HostU16()[i]))
		case kernels.F16:
			out[i] = ref.F16ToFloat64(t.HostU16()[i])
		}
	}
	return out
}
