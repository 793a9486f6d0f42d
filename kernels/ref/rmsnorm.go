package ref

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// RMSNorm normalises rows by their root mean square (Zhang and Sennrich 2019), after adding the residual:
//
//	s[n,c] = x[n,c] + residual[n,c], rounded to the dtype of X where it is stored
//	r[n] = 1/sqrt(mean_c s[n,c]² + eps);  out[n,c] = s[n,c]·r[n]·w[c]
func (b *Backend) RMSNorm(a kernels.RMSNormArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		dim, s, w := int(a.X.Dim(1)), load(a.X), load(a.W)
		for i, v := range load(a.Residual) {
			s[i] += v
		}
		if !a.Sum.IsZero() {
			store(a.Sum, s)
			s = load(a.Sum) // what backward will see is what is normalised
		}
		out := make([]float64, len(s))
		for n := range int(a.X.Dim(0)) {
			row, squares := s[n*dim:(n+1)*dim], 0.0
			for _, v := range row {
				squares += v * v
			}
			r := 1 / math.Sqrt(squares/float64(dim)+float64(a.Eps))
			for c, v := range row {
				out[n*dim+c] = v * r * w[c]
			}
			if !a.Rstd.IsZero() {
				put(a.Rstd, int64(n), r)
			}
		}
		store(a.Out, out)
		return nil
	})
}

// RMSNormBackward is the gradient of s, hence of x and of the residual, and of w:
//
//	g = dout·w;  dx[n,c] = dresidual[n,c] + r·(g[n,c] − s[n,c]·r²·mean_c(g·s));  dw[c] (+)= Σ_n dout[n,c]·s[n,c]·r[n]
func (b *Backend) RMSNormBackward(a kernels.RMSNormBackwardArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		dim, s, w, rstd := int(a.S.Dim(1)), load(a.S), load(a.W), load(a.Rstd)
		dout, dw := load(a.DOut), start(a.DW, a.Accumulate)
		dx := make([]float64, len(s))
		copy(dx, load(a.DResidual))
		for n, r := range rstd {
			at, dot := n*dim, 0.0
			for c := range dim {
				dot += dout[at+c] * w[c] * s[at+c]
			}
			for c := range dim {
				g := dout[at+c] * w[c]
				dx[at+c] += r * (g - s[at+c]*r*r*dot/float64(dim))
				dw[c] += dout[at+c] * s[at+c] * r
			}
		}
		store(a.DX, dx)
		store(a.DW, dw)
		return nil
	})
}

// RMSNormBackwardPlan returns 0: the reference needs no workspace.
func (b *Backend) RMSNormBackwardPlan(kernels.RMSNormBackwardArgs) int64 { return 0 }
