package kerneltest

import (
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

var activations = map[kernels.Activation]string{kernels.SiLU: "silu", kernels.GELUTanh: "gelu_tanh", kernels.ReLU: "relu"}

func gluCases() []Case {
	var out []Case
	for act := kernels.SiLU; act <= kernels.ReLU; act++ {
		for _, s := range rowShapes {
			for _, d := range acts {
				out = append(out, gluCase(s.n, s.c, d, act), gluBackwardCase(s.n, s.c, d, act, false), gluBackwardCase(s.n, s.c, d, act, true))
			}
		}
	}
	return out
}

// gates spreads the gates over what an exponential has to stand, with a NaN and exact zeros.
func gates(x []float64) []float64 {
	for i, v := range []float64{0, math.Copysign(0, -1), 1e-20, 20, -20, 88, -88, 103, -103, 300, -300, 1e18, -1e18, nan} {
		if i*7 < len(x)-14 {
			x[i*7] = v
		}
	}
	return x
}

func gluCase(n, f int64, d kernels.DType, act kernels.Activation) Case {
	name := fmt.Sprintf("n=%d,f=%d,%v,%s", n, f, d, activations[act])
	return Case{Op: "GLU", Name: name, Units: n, Run: func(p *Probe) {
		w := p.Window()
		p.B.GLU(kernels.GLUArgs{
			Out:    p.RowsOut("out", w, gluTolerance(d), d, n, f),
			GateUp: p.RowsPut("gateup", w, d, gates(p.values("gateup", 2*n*f)), n, 2*f), Act: act,
		})
	}}
}

func gluBackwardCase(n, f int64, d kernels.DType, act kernels.Activation, inPlace bool) Case {
	name := fmt.Sprintf("n=%d,f=%d,%v,%s,in place=%v", n, f, d, activations[act], inPlace)
	return Case{Op: "GLUBackward", Name: name, Units: n, Run: func(p *Probe) {
		w := p.Window()
		a := kernels.GLUBackwardArgs{DOut: p.RowsIn("dout", w, d, n, f), Act: act}
		x := gates(p.values("gateup", 2*n*f))
		if inPlace {
			a.DGateUp = p.RowsInOut("dgateup", w, gluTolerance(d), d, x, n, 2*f)
			a.GateUp = a.DGateUp
		} else {
			a.DGateUp, a.GateUp = p.RowsOut("dgateup", w, gluTolerance(d), d, n, 2*f), p.RowsPut("gateup", w, d, x, n, 2*f)
		}
		p.B.GLUBackward(a)
	}}
}

// gluTolerance is relative to each element, whatever its size: the gates span many orders of magnitude. What is below the
// smallest normal float32 may be flushed.
func gluTolerance(d kernels.DType) Tolerance {
	if d == kernels.BF16 {
		return Tolerance{Rel: 1.01 / 128, Norm: 1e-24}
	}
	return Tolerance{Rel: 1e-5, Norm: 1e-24}
}
