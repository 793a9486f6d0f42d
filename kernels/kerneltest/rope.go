package kerneltest

import (
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

func ropeCases() []Case {
	var out []Case
	for _, s := range []struct{ n, heads, kv, d int64 }{{1, 1, 1, 2}, {3, 2, 1, 6}, {7, 4, 4, 34}, {17, 6, 2, 48}, {33, 3, 1, 130}} {
		for _, act := range acts {
			for _, inverse := range []bool{false, true} {
				out = append(out, ropeCase(s.n, s.heads, s.kv, s.d, act, inverse))
			}
		}
	}
	return out
}

// The value heads hold NaN, which may not reach the others; so does a row of the tables that no position names.
func ropeCase(n, heads, kv, d int64, act kernels.DType, inverse bool) Case {
	const positions = 40
	name := fmt.Sprintf("n=%d,heads=%d,kv=%d,d=%d,%v,inverse=%v", n, heads, kv, d, act, inverse)
	return Case{Op: "Rope", Name: name, Units: n, Run: func(p *Probe) {
		w, rng := p.Window(), p.random("positions")
		cos, sin := p.values("angles", positions*d/2), make([]float64, positions*d/2)
		for i, angle := range cos {
			cos[i], sin[i] = math.Cos(angle*9), math.Sin(angle*9)
		}
		fillRows(cos, d/2, nan, 0)
		at := make([]float64, n)
		for i := range at {
			at[i] = float64(1 + rng.IntN(positions-1))
		}
		r := heads + 2*kv
		qkv := p.values("qkv", n*r*d)
		for i := range n {
			fillRows(qkv, d, nan, i*r+heads+kv)
		}
		p.B.Rope(kernels.RopeArgs{
			QKV: p.RowsInOut("qkv", w, within(act, 1e-6), act, qkv, n, r, d), Cos: p.Put("cos", kernels.F32, cos, positions, d/2),
			Sin: p.Put("sin", kernels.F32, sin, positions, d/2), Positions: p.RowsPut("positions", w, kernels.I32, at, n),
			Heads: heads + kv, Inverse: inverse,
		})
	}}
}

func ropeFailures() []Failure {
	var out []Failure
	for _, position := range []int32{-1, 4} {
		out = append(out, Failure{Op: "Rope", Name: fmt.Sprint("position ", position), Want: []string{"rope"}, Run: func(p *Probe) {
			p.B.Rope(kernels.RopeArgs{
				QKV: p.InOut("qkv", exact, kernels.F32, p.values("qkv", 3*3*4), 3, 3, 4), Cos: p.In("cos", kernels.F32, 4, 2),
				Sin: p.In("sin", kernels.F32, 4, 2), Positions: p.Ints("positions", 3, 0, position), Heads: 2,
			})
		}})
	}
	return out
}
