package kerneltest

import (
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

var rowShapes = []struct{ n, c int64 }{{1, 1}, {2, 3}, {3, 7}, {7, 17}, {17, 33}, {5, 65}, {9, 127}, {70, 288}, {3, 1030}}

func rmsnormCases() []Case {
	var out []Case
	for _, s := range rowShapes {
		for _, d := range dtypes {
			for _, mode := range []string{"plain", "no statistics", "residual", "in place"} {
				out = append(out, rmsnormCase(s.n, s.c, d.act, d.weight, d.act, mode))
			}
			for _, accumulate := range []bool{false, true} {
				if s.c > 1 { // the gradient of a single column cancels to nothing but rounding
					out = append(out, rmsnormBackwardCase(s.n, s.c, d.act, d.weight, accumulate, "apart"))
				}
			}
		}
		out = append(out,
			rmsnormCase(s.n, s.c, kernels.F32, kernels.F32, kernels.BF16, "residual"),
			rmsnormBackwardCase(s.n, s.c, kernels.F32, kernels.F32, true, "residual"),
			rmsnormBackwardCase(s.n, s.c, kernels.BF16, kernels.BF16, false, "over dresidual"))
		if s.c > 1 {
			out = append(out, rmsnormBackwardCase(s.n, s.c, kernels.F32, kernels.BF16, false, "over dout"))
		}
	}
	return out
}

// The second row is NaN, the third has an infinity, the fourth is tiny: none may show in another row.
func oddRows(x []float64, n, c int64) []float64 {
	if n > 3 {
		fillRows(x, c, nan, 1)
		x[2*c+c/2] = inf
		for k := range c {
			x[3*c+k] *= 1e-12
		}
	}
	return x
}

func rmsnormCase(n, c int64, act, weight, to kernels.DType, mode string) Case {
	name := fmt.Sprintf("n=%d,c=%d,x=%v,w=%v,out=%v,%s", n, c, act, weight, to, mode)
	return Case{Op: "RMSNorm", Name: name, Units: n, Run: func(p *Probe) {
		w, x := p.Window(), oddRows(p.values("x", n*c), n, c)
		a := kernels.RMSNormArgs{
			// A sum stored in BF16 may round the other way, which shifts what is normalised by a step.
			Out: p.RowsOut("out", w, within(to, 2e-6), to, n, c), W: p.In("w", weight, c), Eps: 1e-5,
		}
		if mode != "no statistics" {
			a.Rstd = p.RowsOut("rstd", w, Tolerance{Rel: 2e-6}, kernels.F32, n)
		}
		switch mode {
		case "in place":
			a.X = p.RowsInOut("x", w, within(act, 1e-6), act, x, n, c)
			a.Sum, a.Residual = a.X, p.RowsIn("residual", w, act, n, c)
		case "residual":
			a.X, a.Residual = p.RowsPut("x", w, act, x, n, c), p.RowsIn("residual", w, act, n, c)
			a.Sum = p.RowsOut("sum", w, within(act, 1e-6), act, n, c)
		default:
			a.X = p.RowsPut("x", w, act, x, n, c)
		}
		p.B.RMSNorm(a)
	}}
}

func rmsnormBackwardCase(n, c int64, act, weight kernels.DType, accumulate bool, mode string) Case {
	name := fmt.Sprintf("n=%d,c=%d,x=%v,w=%v,accumulate=%v,%s", n, c, act, weight, accumulate, mode)
	return Case{Op: "RMSNormBackward", Name: name, Units: n, Run: func(p *Probe) {
		w, s, rstd := p.Window(), p.values("s", n*c), make([]float64, n)
		for r := range n {
			sum := 0.0
			for _, v := range s[r*c : (r+1)*c] {
				sum += v * v
			}
			rstd[r] = 1 / math.Sqrt(sum/float64(c)+1e-5)
		}
		tol := within(act, 2e-6)
		a := kernels.RMSNormBackwardArgs{
			DW: p.Grad("dw", accumulate, Tolerance{Norm: 2e-6}, kernels.F32, c), S: p.RowsPut("s", w, act, s, n, c),
			Rstd: p.RowsPut("rstd", w, kernels.F32, rstd, n), W: p.In("w", weight, c), Accumulate: accumulate,
		}
		switch mode {
		case "over dresidual":
			a.DX = p.RowsInOut("dx", w, tol, act, p.values("dresidual", n*c), n, c)
			a.DResidual, a.DOut = a.DX, p.RowsIn("dout", w, act, n, c)
		case "over dout":
			a.DX = p.RowsInOut("dx", w, tol, act, p.values("dout", n*c), n, c)
			a.DOut = a.DX
		default:
			a.DX, a.DOut = p.RowsOut("dx", w, tol, act, n, c), p.RowsIn("dout", w, act, n, c)
			if mode == "residual" {
				a.DResidual = p.RowsIn("dresidual", w, act, n, c)
			}
		}
		a.Work = p.Work(p.B.RMSNormBackwardPlan(a))
		p.B.RMSNormBackward(a)
	}}
}
