package kerneltest

import (
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

func optimizerCases() []Case {
	var out []Case
	for _, n := range []int64{1, 3, 33, 1027, 5000} {
		for _, d := range acts {
			for _, accumulate := range []bool{false, true} {
				out = append(out, sumSquaresCase(n, d, accumulate, 1))
			}
			out = append(out, sumSquaresCase(n, d, false, nan), sumSquaresCase(n, d, false, inf))
		}
	}
	for _, sum := range []float64{0, 0.25, 9, 1e30, nan, inf} {
		for _, loss := range []float64{2, nan, -inf} {
			out = append(out, clipCase(sum, 1.5, loss), clipCase(sum, 0, loss))
		}
	}
	for _, blocks := range []int64{1, 2, 5} {
		for _, finite := range []float64{1, 0} {
			for _, shadow := range []bool{false, true} {
				out = append(out, adamwCase(blocks, kernels.F32, shadow, finite), adamwCase(blocks, kernels.BF16, shadow, finite))
			}
		}
	}
	return append(out, stochasticCase())
}

func sumSquaresCase(n int64, d kernels.DType, accumulate bool, last float64) Case {
	name := fmt.Sprintf("n=%d,%v,accumulate=%v,last=%g", n, d, accumulate, last)
	return Case{Op: "SumSquares", Name: name, Run: func(p *Probe) {
		x := p.values("x", n)
		x[n-1] *= last
		p.B.SumSquares(kernels.SumSquaresArgs{
			Out: p.Grad("out", accumulate, Tolerance{Rel: 1e-10}, kernels.F64, 1), X: p.Put("x", d, x, n), Accumulate: accumulate,
		})
	}}
}

// Where something is not finite, only the flag is promised.
func clipCase(sum, maxNorm, loss float64) Case {
	name := fmt.Sprintf("sum=%g,max=%g,loss=%g", sum, maxNorm, loss)
	return Case{Op: "Clip", Name: name, Run: func(p *Probe) {
		tol := Tolerance{Rel: 2e-7}
		if bad(sum) {
			tol = anything
		}
		a := kernels.ClipArgs{
			Clip: p.Out("clip", tol, kernels.F32, kernels.ClipLen), SumSquares: p.Put("sum", kernels.F64, []float64{sum}, 1),
			MaxNorm: float32(maxNorm),
		}
		if loss != 2 {
			a.Loss = p.Put("loss", kernels.F64, []float64{loss}, 1)
		}
		p.B.Clip(a)
		flag := p.Out("finite", exact, kernels.F32, 1)
		p.B.Copy(kernels.CopyArgs{Dst: flag, X: a.Clip.Rows(kernels.ClipFinite, 1)})
	}}
}

func bad(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// With the flag down nothing may change, whatever the gradients hold.
func adamwCase(blocks int64, moments kernels.DType, shadow bool, finite float64) Case {
	name := fmt.Sprintf("blocks=%d,moments=%v,shadow=%v,finite=%g", blocks, moments, shadow, finite)
	return Case{Op: "AdamW", Name: name, Run: func(p *Probe) {
		n := blocks * kernels.Block
		grad, v, decay := p.values("grad", n), p.values("v", n), make([]uint8, blocks)
		for i := range v {
			v[i] *= v[i]
		}
		for i := range decay {
			decay[i] = uint8(i%2) * 255
		}
		tol, moment := Tolerance{Rel: 1e-6, Norm: 1e-7}, Tolerance{Rel: 2e-6, Norm: 1e-7}
		if moments == kernels.BF16 {
			moment = Tolerance{Rel: 1.01 / 128, Equal: 0.99}
		}
		if finite == 0 {
			fillRows(grad, n/2, nan, 1)
			tol, moment = exact, exact
		}
		a := kernels.AdamWArgs{
			Master: p.InOut("master", tol, kernels.F32, p.values("master", n), n), Grad: p.Put("grad", kernels.F32, grad, n),
			M: p.InOut("m", moment, moments, p.values("m", n), n), V: p.InOut("v", moment, moments, v, n),
			Decay: p.Bytes("decay", decay...), Hyper: p.Put("hyper", kernels.F32, []float64{3e-3, 1 / (1 - 0.9*0.9), 1 / (1 - 0.95*0.95)}, 3),
			Clip: p.Put("clip", kernels.F32, []float64{0.7, 1.5, finite}, 3), First: 7 * kernels.Block,
			Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1,
		}
		if moments == kernels.BF16 {
			a.Step = p.dropStep(0, 0)
		}
		if shadow {
			bf16 := within(kernels.BF16, 1e-6)
			if finite == 0 {
				bf16 = exact
			}
			a.Shadow = p.InOut("shadow", bf16, kernels.BF16, p.values("shadow", n), n)
		}
		p.B.AdamW(a)
	}}
}

// Stochastic rounding keeps the mean: first moments a quarter of a BF16 step above 1 must round up one time in four. The sum of
// 16,384 of them has a standard error of 2.7e-5 of itself; rounding to nearest is off by 2e-3.
func stochasticCase() Case {
	return Case{Op: "AdamW", Name: "stochastic rounding is unbiased", Run: func(p *Probe) {
		const n = 16 * kernels.Block
		m, zero, decay := make([]float64, n), make([]float64, n), make([]uint8, n/kernels.Block)
		for i := range m {
			m[i] = 2 // beta1 makes it 1 + 2^-9; the step is 2^-7
		}
		moments := p.InOut("m", Tolerance{Rel: 1.01 / 128}, kernels.BF16, m, n)
		p.B.AdamW(kernels.AdamWArgs{
			Master: p.InOut("master", Tolerance{Norm: 1e-6}, kernels.F32, zero, n), Grad: p.Put("grad", kernels.F32, zero, n), M: moments,
			V: p.InOut("v", exact, kernels.BF16, zero, n), Decay: p.Bytes("decay", decay...),
			Hyper: p.Put("hyper", kernels.F32, []float64{1e-3, 1, 1}, 3), Clip: p.Put("clip", kernels.F32, []float64{1, 1, 1}, 3),
			Step: p.dropStep(0, 0), Beta1: 0.5 + 0x1p-10, Beta2: 0.5, Eps: 1,
		})
		wide, sum := p.Out("wide", Tolerance{Rel: 1.01 / 128}, kernels.F32, n), p.Out("sum", Tolerance{Rel: 2e-4}, kernels.F64, 1)
		p.B.Copy(kernels.CopyArgs{Dst: wide, X: moments})
		p.B.Sum(kernels.SumArgs{Out: sum, X: wide})
	}}
}
