package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

type linearShape struct{ n, o, i int64 }

// linearShapes cross every edge of a blocked product: rows, columns and sums shorter than a register, odd, longer than a panel.
var linearShapes = []linearShape{
	{1, 1, 1}, {2, 3, 2}, {3, 7, 33}, {7, 17, 65}, {17, 33, 127}, {1, 130, 288}, {33, 65, 7}, {65, 129, 17}, {4, 40, 1030},
	{128, 96, 64}, {300, 9, 5},
}

func linearCases() []Case {
	var out []Case
	for k, s := range linearShapes {
		for _, d := range dtypes {
			for _, y := range acts {
				if d.act == kernels.F32 && y != d.act && k%3 != 0 {
					continue // f32 in, bf16 out: some shapes only
				}
				out = append(out, linearCase(s, d.act, d.weight, y, k%2 == 1, k%3 == 1 && k%2 == 0, kernels.WeightTrained))
			}
			out = append(out, linearCase(s, d.act, d.weight, d.act, false, k%2 == 1, kernels.WeightFrozen))
		}
		out = append(out, linearCase(s, kernels.F32, kernels.F16, kernels.F32, false, false, kernels.WeightFrozen))
	}
	return append(out, linearSpecials())
}

func linearCase(s linearShape, act, weight, y kernels.DType, bias, accumulate bool, use kernels.WeightUse) Case {
	kind := map[kernels.WeightUse]string{kernels.WeightTrained: "trained", kernels.WeightFrozen: "frozen"}[use]
	name := fmt.Sprintf("n=%d,o=%d,i=%d,x=%v,w=%v,y=%v,bias=%v,accumulate=%v,%s", s.n, s.o, s.i, act, weight, y, bias, accumulate, kind)
	return Case{Op: "Linear", Name: name, Units: s.n, Ordered: true, Run: func(p *Probe) {
		w := p.Window()
		a := kernels.LinearArgs{
			Y: p.RowsGrad("y", w, accumulate, within(y, 2e-6), y, s.n, s.o), X: p.RowsIn("x", w, act, s.n, s.i),
			W: p.Weight(p.In("w", weight, s.o, s.i), use), Accumulate: accumulate,
		}
		if bias {
			a.Bias = p.In("bias", kernels.F32, s.o)
		}
		p.B.Linear(a)
	}}
}

// A NaN or an infinity in one row stays in that row; denormals in BF16 count as zero in both factors.
func linearSpecials() Case {
	const n, o, i = 6, 35, 40
	return Case{Op: "Linear", Name: "NaN, Inf and denormals", Units: n, Ordered: true, Run: func(p *Probe) {
		w, x, weight := p.Window(), p.values("x", n*i), p.values("w", o*i)
		x[1*i+3], x[3*i+5], weight[7*i+2] = nan, inf, 0x1p-130
		fillRows(x, i, 0x1p-128, 4)
		p.B.Linear(kernels.LinearArgs{
			Y: p.RowsOut("y", w, Tolerance{Norm: 2e-6}, kernels.F32, n, o), X: p.RowsPut("x", w, kernels.BF16, x, n, i),
			W: p.Weight(p.Put("w", kernels.BF16, weight, o, i), kernels.WeightTrained),
		})
	}}
}

func linearBackwardCases() []Case {
	var out []Case
	for k, s := range linearShapes {
		for _, d := range dtypes {
			for _, accumulate := range []bool{false, true} {
				if accumulate && k%2 == 1 {
					continue
				}
				out = append(out, linearBackwardInputCase(s, d.act, d.weight, accumulate), linearBackwardWeightCase(s, d.act, d.weight, accumulate, false))
			}
		}
	}
	for _, s := range []linearShape{{7, 17, 65}, {33, 65, 7}, {1, 130, 288}} {
		for _, act := range acts {
			out = append(out, linearBackwardWeightCase(s, act, act, false, true), linearBackwardWeightCase(s, act, act, true, true))
		}
	}
	return out
}

func linearBackwardInputCase(s linearShape, act, weight kernels.DType, accumulate bool) Case {
	name := fmt.Sprintf("n=%d,o=%d,i=%d,dy=%v,w=%v,accumulate=%v", s.n, s.o, s.i, act, weight, accumulate)
	return Case{Op: "LinearBackwardInput", Name: name, Units: s.n, Ordered: true, Run: func(p *Probe) {
		w := p.Window()
		p.B.LinearBackwardInput(kernels.LinearBackwardInputArgs{
			DX: p.RowsGrad("dx", w, accumulate, within(act, 2e-6), act, s.n, s.i), DY: p.RowsIn("dy", w, act, s.n, s.o),
			W: p.Weight(p.In("w", weight, s.o, s.i), kernels.WeightTrained), Accumulate: accumulate,
		})
	}}
}

// The sum over rows is the long one here, so the shape's n and i change places. The bias sums in an order of its own.
func linearBackwardWeightCase(s linearShape, act, math kernels.DType, accumulate, bias bool) Case {
	n, o, i := s.i, s.o, s.n
	name := fmt.Sprintf("n=%d,o=%d,i=%d,dy=%v,math=%v,accumulate=%v,bias=%v", n, o, i, act, math, accumulate, bias)
	return Case{Op: "LinearBackwardWeight", Name: name, Ordered: !bias, Run: func(p *Probe) {
		a := kernels.LinearBackwardWeightArgs{
			DW: p.Grad("dw", accumulate, Tolerance{Norm: 2e-6}, kernels.F32, o, i), DY: p.In("dy", act, n, o), X: p.In("x", act, n, i),
			Math: math, Accumulate: accumulate,
		}
		if bias {
			a.DBias = p.Grad("dbias", accumulate, Tolerance{Norm: 2e-6}, kernels.F32, o)
		}
		p.B.LinearBackwardWeight(a)
	}}
}
