package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

func dropoutCases() []Case {
	var out []Case
	for _, s := range rowShapes {
		for _, d := range acts {
			for _, p := range []float32{0, 0.1, 0.5} {
				out = append(out, dropoutCase(s.n, s.c, d, p, false))
			}
			out = append(out, dropoutCase(s.n, s.c, d, 0.3, true))
		}
	}
	return out
}

// dropStep is the state of a random stream far into a run: indices beyond 32 bits, all words of the key in use.
func (p *Probe) dropStep(sample, token int64) kernels.Tensor {
	return p.Longs("step", 1<<40+12345, 1<<33+7, sample, token)
}

// No input is zero, so a zero shows what was dropped: the masks are equal where the values are close.
func dropoutCase(n, c int64, d kernels.DType, prob float32, inPlace bool) Case {
	name := fmt.Sprintf("n=%d,c=%d,%v,p=%g,in place=%v", n, c, d, prob, inPlace)
	return Case{Op: "Dropout", Name: name, Units: n, Run: func(p *Probe) {
		w, tol := p.Window(), Tolerance{Rel: 1e-6}
		if d == kernels.BF16 {
			tol.Rel = 1.01 / 128
		}
		a := kernels.DropoutArgs{Dropout: kernels.Dropout{P: prob, Purpose: kernels.PurposeDropoutMLP, Layer: 3}}
		if prob > 0 {
			a.Dropout.Step = p.dropStep(0, 1<<33+w.From)
		}
		if inPlace {
			a.Out = p.RowsInOut("out", w, tol, d, p.values("x", n*c), n, c)
			a.X = a.Out
		} else {
			a.Out, a.X = p.RowsOut("out", w, tol, d, n, c), p.RowsIn("x", w, d, n, c)
		}
		p.B.Dropout(a)
	}}
}
