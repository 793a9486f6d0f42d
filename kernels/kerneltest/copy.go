package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

func copyCases() []Case {
	var out []Case
	kinds := []kernels.DType{kernels.F32, kernels.BF16, kernels.F16}
	for _, n := range []int64{1, 3, 33, 1027} {
		for _, from := range kinds {
			for _, to := range kinds {
				out = append(out, copyCase(n, from, to, false))
				if to != kernels.F16 {
					out = append(out, copyCase(n, from, to, true))
				}
			}
		}
		for _, d := range []kernels.DType{kernels.F64, kernels.I32, kernels.I64, kernels.U8} {
			out = append(out, copyCase(n, d, d, false))
		}
		for d := kernels.F32; d <= kernels.U8; d++ {
			out = append(out, fillCase(n, d))
		}
	}
	return out
}

// copyCase converts numbers of every size, ties between neighbours, what overflows, denormals and what is no number. The sum of
// two equals the reference's to a rounding.
func copyCase(n int64, from, to kernels.DType, accumulate bool) Case {
	name := fmt.Sprintf("n=%d,%v to %v,accumulate=%v", n, from, to, accumulate)
	return Case{Op: "Copy", Name: name, Run: func(p *Probe) {
		x := p.values("x", n)
		if from != kernels.I32 && from != kernels.I64 && from != kernels.U8 {
			special := []float64{nan, inf, -inf, 65519, 65520, -65536, 1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-11, 0x1p-24, -0x1p-25, 0x3p-25, 3e38}
			if !accumulate {
				special = append(special, -0x1p-133, 0x1p-134, 0x3p-134, 0x1p-149)
			}
			for i := range x {
				if i%2 == 1 {
					x[i] = special[i/2%len(special)]
				}
			}
		}
		tol := exact
		if accumulate {
			tol = within(to, 0)
			tol.Rel = max(tol.Rel, 1e-6)
		}
		p.B.Copy(kernels.CopyArgs{Dst: p.Grad("dst", accumulate, tol, to, n), X: p.Put("x", from, x, n), Accumulate: accumulate})
	}}
}

func fillCase(n int64, d kernels.DType) Case {
	return Case{Op: "Fill", Name: fmt.Sprintf("n=%d,%v", n, d), Run: func(p *Probe) {
		value := 2.7182818284590451
		if d == kernels.I32 || d == kernels.I64 || d == kernels.U8 {
			value = 77
		}
		p.B.Fill(kernels.FillArgs{Dst: p.Out("dst", exact, d, n), Value: value})
	}}
}
