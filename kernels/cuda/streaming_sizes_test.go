//go:build cuda

package cuda

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// The conformance suite's tensors are small and lie at odd addresses. Here rows are as long as models have them, and begin at
// multiples of 16 bytes, or not: that may not change a bit.

// sized is one call of an op.
type sized struct {
	name string
	run  func(b *probe)
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
		out = append(out, sized{fmt.Sprint("embed ", table, " to ", d), func(b *probe) {
			b.Embed(kernels.EmbedArgs{Out: b.out("out", d, 300, 264), Table: b.in("table", table, 100, 264), Tokens: b.ints(tokensBelow(300, 100)...)})
		}})
	}
	for _, s := range []struct{ n, vocab, dim int64 }{{2048, 512, 64}, {9000, 3001, 16}, {500, 262145, 1}, {70, 40, 2064}} {
		for _, accumulate := range []bool{false, true} {
			if accumulate && s.dim == 1 {
				continue // once is enough for the passes of the sort
			}
			out = append(out, sized{fmt.Sprint("embed_backward ", s, d, accumulate), func(b *probe) {
				a := kernels.EmbedBackwardArgs{
					DTable: b.out("dtable", kernels.F32, s.vocab, s.dim), DOut: b.in("dout", d, s.n, s.dim), Tokens: b.ints(tokensBelow(s.n, s.vocab)...), Accumulate: accumulate,
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
	for _, s := range []struct{ n, c int64 }{{3200, 256}, {9, 520}, {400, 2056}, {7, 4096}, {140, 4104}, {3, 8192}, {140, 9000}} {
		for _, residual := range []bool{false, true} {
			out = append(out, sized{fmt.Sprint("rmsnorm ", s, d, residual), func(b *probe) {
				n := min(s.n, 9)
				a := kernels.RMSNormArgs{
					Out: b.out("out", d, n, s.c), Rstd: b.out("rstd", kernels.F32, n), X: b.in("x", d, n, s.c), W: b.in("w", d, s.c), Eps: 1e-5,
				}
				if residual {
					a.Sum, a.Residual = b.out("sum", d, n, s.c), b.in("residual", d, n, s.c)
				}
				b.RMSNorm(a)
			}})
			if residual && s.n > 9 {
				continue // many rows are for the sum of dw
			}
			out = append(out, sized{fmt.Sprint("rmsnorm_backward ", s, d, residual), func(b *probe) {
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
		out = append(out, sized{fmt.Sprint("glu ", d, act), func(b *probe) {
			b.GLU(kernels.GLUArgs{Out: b.out("out", d, 3, 2816), GateUp: b.in("gateup", d, 3, 2*2816), Act: act})
		}}, sized{fmt.Sprint("glu_backward ", d, act), func(b *probe) {
			b.GLUBackward(kernels.GLUBackwardArgs{DGateUp: b.out("dgateup", d, 3, 2*2816), DOut: b.in("dout", d, 3, 2816), GateUp: b.in("gateup", d, 3, 2*2816), Act: act})
		}})
	}
	for act := kernels.SiLU; act <= kernels.ReLU; act++ { // whose powers are infinite
		out = append(out, sized{fmt.Sprint("glu_backward beyond ", d, act), func(b *probe) {
			a := kernels.GLUBackwardArgs{DGateUp: b.out("dgateup", d, 1, 8), DOut: b.in("dout", d, 1, 4), GateUp: b.in("gateup", d, 1, 8), Act: act}
			for i, v := range []float64{1e20, -1e20, 3e38, -3e38} {
				b.Fill(kernels.FillArgs{Dst: a.GateUp.Reshape(8, 1).Rows(int64(i), 1), Value: v})
			}
			b.GLUBackward(a)
		}})
	}
	for _, dim := range []int64{64, 128} {
		out = append(out, sized{fmt.Sprint("rope ", d, dim), func(b *probe) {
			b.Rope(kernels.RopeArgs{
				QKV: b.out("qkv", d, 5, 48, dim), Cos: b.in("cos", kernels.F32, 40, dim/2), Sin: b.in("sin", kernels.F32, 40, dim/2), Positions: b.ints(tokensBelow(5, 40)...), Heads: 40,
			})
		}})
	}
	for _, c := range []int64{4096, 4100, 4099} { // a word of the stream for every element, from the middle of a block or not
		out = append(out, sized{fmt.Sprint("dropout ", d, c), func(b *probe) {
			step := b.longs(1<<50, 1<<34, 3, 1<<33+1)
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
				out = append(out, sized{fmt.Sprint("copy ", n, from, to), func(b *probe) {
					b.Copy(kernels.CopyArgs{Dst: b.out("dst", to, n), X: b.in("x", from, n), Accumulate: to != kernels.F16 && n > 5000})
				}})
			}
			for _, v := range []float64{math.Pi, 1 + 0x1p-8 + 0x1p-40, 1 + 0x1p-11 - 0x1p-40, 1e300} { // two roundings are not one
				out = append(out, sized{fmt.Sprint("fill ", n, from, v), func(b *probe) { b.Fill(kernels.FillArgs{Dst: b.out("dst", from, n), Value: v}) }})
			}
		}
	}
	return out
}

// runSized runs a call and returns what it wrote, and what the outputs are.
func runSized(t *testing.T, c sized, backend kernels.Backend, shift int64) ([][]byte, []kernels.Tensor) {
	t.Helper()
	b := &probe{Backend: backend, t: t, shift: shift}
	c.run(b)
	return b.results(), b.outputs
}

func TestStreamingOpsAtTheirSizes(t *testing.T) {
	device := opened(t)
	for _, c := range sizedCases() {
		t.Run(c.name, func(t *testing.T) {
			want, outputs := runSized(t, c, ref.Open(ref.Options{}), 0)
			aligned, _ := runSized(t, c, device, 0)
			odd, _ := runSized(t, c, device, 1)
			for i, output := range outputs {
				if !bytes.Equal(aligned[i], odd[i]) {
					t.Errorf("output %d: other bits at odd addresses", i)
				}
				if worst := worstError(output.Type, aligned[i], want[i]); !(worst <= 1) {
					t.Errorf("output %d: an error of %.3g times what is allowed", i, worst)
				}
			}
		})
	}
}
