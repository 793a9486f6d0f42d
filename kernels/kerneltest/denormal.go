package kerneltest

import "github.com/primer-lm/primer/kernels"

// Denormal operands of every op. The contract lets a backend keep them or take them as zero, so the tolerance admits both and
// nothing else: no NaN, no number that a denormal could not lead to, no other bits with other threads or rows.

// denormalAt says which elements of a tensor are denormal: one in three, and whole stretches.
func denormalAt(i int) bool { return i%3 == 1 || i/64%4 == 3 }

// orFlushed admits what taking operands as zero can change: a sum of some hundred denormals, each times a factor of some
// hundreds (the reciprocal deviation of a row of zeros is 316). Random rounding may then end elsewhere.
func (t Tolerance) orFlushed() Tolerance {
	if t == exact {
		return t
	}
	t.Abs, t.Equal = 0x1p-100, 0
	return t
}

func denormalCases() []Case {
	var out []Case
	const n, c = 5, 65
	for _, d := range acts {
		out = append(out,
			embedCase(33, 17, c, d, d), embedBackwardCase(33, 17, c, d, true),
			rmsnormCase(3, c, d, d, d, "plain"), rmsnormCase(3, c, d, d, d, "residual"), rmsnormBackwardCase(n, c, d, d, true, "residual"),
			ropeCase(7, 4, 4, 34, d, false), dropoutCase(n, c, d, 0.1, false), crossEntropyCase(n, c, d, true, false),
			copyCase(33, d, kernels.F32, true), copyCase(33, d, kernels.BF16, true), sumSquaresCase(1027, d, false, 1),
			adamwCase(2, d, true, 1), adamwCase(1, d, false, 0))
		for act := kernels.SiLU; act <= kernels.ReLU; act++ {
			out = append(out, gluCase(n, c, d, act), gluBackwardCase(n, c, d, act, false))
		}
		attention := attentionShape{docs: []int32{20, 70}, h: 2, k: 1, d: 16, p: 0.1}
		paged := pagedShape{lens: []int32{33, 70}, rows: []int32{5, 1}, h: 2, k: 1, d: 16, size: 8}
		out = append(out,
			Case{Op: "Attention", Name: "", Units: 2, Run: func(p *Probe) { attention.forward(p, d) }},
			Case{Op: "AttentionBackward", Name: "", Units: 2, Run: func(p *Probe) { attention.backward(p, d) }},
			Case{Op: "PagedAttention", Name: "", Units: 2, Run: func(p *Probe) { paged.attend(p, d, d) }},
			Case{Op: "PagedWrite", Name: "", Run: func(p *Probe) { paged.write(p, d, d) }})
		for i := len(out) - 4; i < len(out); i++ {
			out[i].Name = d.String()
		}
	}
	out = append(out, sumCase(1027, true))
	for _, t := range dtypes {
		for _, s := range []linearShape{{7, 17, 65}, {1, 130, 288}, {33, 65, 7}} {
			for _, one := range []Case{
				linearCase(s, t.act, t.weight, t.act, true, false, kernels.WeightTrained),
				linearCase(s, t.act, t.weight, kernels.F32, false, true, kernels.WeightFrozen),
				linearBackwardInputCase(s, t.act, t.weight, true), linearBackwardWeightCase(s, t.act, t.weight, true, false),
			} {
				one.Ordered = t.weight == kernels.BF16 // whose order says what becomes of denormals
				out = append(out, one)
			}
		}
	}
	for i := range out {
		out[i].Name, out[i].Denormals = "denormals,"+out[i].Name, true
	}
	return out
}
