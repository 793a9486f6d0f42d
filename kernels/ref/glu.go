package ref

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// GLU gates one half of a row by the other (Shazeer 2020):
//
//	out[n,f] = act(gateup[n,f])·gateup[n,F+f]
func (b *Backend) GLU(a kernels.GLUArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		f, x := int(a.Out.Dim(1)), load(a.GateUp)
		out := make([]float64, a.Out.Len())
		for i := range out {
			at := i/f*2*f + i%f
			y, _ := activate(a.Act, x[at])
			out[i] = y * x[at+f]
		}
		store(a.Out, out)
		return nil
	})
}

// GLUBackward:
//
//	dgate[n,f] = dout[n,f]·up[n,f]·act'(gate[n,f]);  dup[n,f] = dout[n,f]·act(gate[n,f])
func (b *Backend) GLUBackward(a kernels.GLUBackwardArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		f, x, dout := int(a.DOut.Dim(1)), load(a.GateUp), load(a.DOut)
		dx := make([]float64, len(x))
		for i, d := range dout {
			at := i/f*2*f + i%f
			y, slope := activate(a.Act, x[at])
			dx[at], dx[at+f] = d*x[at+f]*slope, d*y
		}
		store(a.DGateUp, dx)
		return nil
	})
}

// activate returns the activation and its derivative at x.
func activate(act kernels.Activation, x float64) (y, slope float64) {
	switch act {
	case kernels.GELUTanh: // 0.5x(1 + tanh(√(2/π)(x + 0.044715x³)))
		const a = 0.044715
		root := math.Sqrt(2 / math.Pi)
		t := math.Tanh(root * (x + a*x*x*x))
		return 0.5 * x * (1 + t), 0.5*(1+t) + 0.5*x*(1-t*t)*root*(1+3*a*x*x)
	case kernels.ReLU: // the derivative at 0 is taken as 0; NaN stays NaN
		if x <= 0 {
			return 0, 0
		}
		return x, 1
	default: // SiLU: x·σ(x)
		s := 1 / (1 + math.Exp(-x))
		return x * s, s * (1 + x*(1-s))
	}
}
