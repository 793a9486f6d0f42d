package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

func crossEntropyCases() []Case {
	var out []Case
	for _, s := range rowShapes {
		for _, d := range acts {
			for _, gradient := range []bool{false, true} {
				for _, mask := range []bool{false, true} {
					out = append(out, crossEntropyCase(s.n, s.c, d, gradient, mask))
				}
			}
		}
	}
	for _, n := range []int64{1, 7, 65, 1024, 5000} {
		for _, accumulate := range []bool{false, true} {
			out = append(out, sumCase(n, accumulate))
		}
	}
	return out
}

// Rows without loss are NaN and their targets lie outside the vocabulary; of the others one is shifted by far, one has masked
// logits (-Inf), two have equal largest ones, and one is NaN.
func crossEntropyCase(n, v int64, d kernels.DType, gradient, masked bool) Case {
	name := fmt.Sprintf("n=%d,v=%d,%v,gradient=%v,mask=%v", n, v, d, gradient, masked)
	return Case{Op: "CrossEntropy", Name: name, Units: n, Run: func(p *Probe) {
		w, rng := p.Window(), p.random("targets")
		logits, targets, mask := p.values("logits", n*v), make([]float64, n), make([]float64, n)
		for i := range targets {
			targets[i], mask[i] = float64(rng.Int64N(v)), 1
		}
		if n > 6 && v > 2 {
			for k := range v {
				logits[1*v+k] += 3000
			}
			fillRows(logits, v, -inf, 2)
			logits[2*v+v/2], targets[2] = 1, float64(v/2)
			logits[3*v], logits[3*v+1], logits[3*v+v-1] = 9, 9, 9
			if !argMaxPromised(n) {
				logits[4*v+1] = nan
			}
		}
		if masked {
			for i := range n {
				if i%3 == 0 {
					fillRows(logits, v, nan, i)
					targets[i], mask[i] = -7+float64(i%2)*1e6, 0
				}
			}
		}
		a := kernels.CrossEntropyArgs{
			Loss: p.RowsOut("loss", w, Tolerance{Rel: 2e-6, Norm: 1e-7}, kernels.F32, n), Gradient: gradient,
			Targets: p.RowsPut("targets", w, kernels.I32, targets, n), ArgMax: p.argMax(w, n),
		}
		if masked {
			a.Mask = p.RowsPut("mask", w, kernels.U8, mask, n)
		}
		if gradient {
			a.Scale = p.Put("scale", kernels.F32, []float64{0.037}, 1)
			a.Logits = p.RowsInOut("logits", w, within(d, 2e-6), d, logits, n, v)
		} else {
			a.Logits = p.RowsPut("logits", w, d, logits, n, v)
		}
		p.B.CrossEntropy(a)
	}}
}

// argMaxPromised is false for the shapes whose cases have a NaN in a row with loss: nobody promises the largest of them.
func argMaxPromised(n int64) bool { return n != 9 && n != 17 }

func (p *Probe) argMax(w Window, n int64) kernels.Tensor {
	if !argMaxPromised(n) {
		return kernels.Tensor{}
	}
	return p.RowsOut("argmax", w, exact, kernels.I32, n)
}

func sumCase(n int64, accumulate bool) Case {
	return Case{Op: "Sum", Name: fmt.Sprintf("n=%d,accumulate=%v", n, accumulate), Run: func(p *Probe) {
		p.B.Sum(kernels.SumArgs{
			Out: p.Grad("out", accumulate, Tolerance{Rel: 1e-10}, kernels.F64, 1), X: p.In("x", kernels.F32, n), Accumulate: accumulate,
		})
	}}
}

func crossEntropyFailures() []Failure {
	var out []Failure
	for _, target := range []int32{-1, 5} {
		for _, gradient := range []bool{false, true} {
			out = append(out, Failure{
				Op: "CrossEntropy", Name: fmt.Sprintf("target %d,gradient=%v", target, gradient), Want: []string{"cross_entropy", fmt.Sprint(target)},
				Run: func(p *Probe) {
					p.B.CrossEntropy(kernels.CrossEntropyArgs{
						Loss: p.Out("loss", exact, kernels.F32, 3), Logits: p.InOut("logits", exact, kernels.F32, p.values("x", 15), 3, 5),
						Targets: p.Ints("targets", 4, 0, target), Scale: p.Put("scale", kernels.F32, []float64{1}, 1), Gradient: gradient,
					})
				}})
		}
	}
	return out
}
