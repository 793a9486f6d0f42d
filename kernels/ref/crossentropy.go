package ref

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// CrossEntropy is the loss of each row and, on demand, its gradient in place of the logits:
//
//	for n with mask[n] ≠ 0: loss[n] = lse(logits[n,:]) − logits[n,t];  argmax[n] = first v of the largest logit
//	                        logits[n,v] = scale·(exp(logits[n,v] − lse) − (v = t))
//	for the others:         loss[n] = 0;  argmax[n] = −1;  logits[n,:] = 0
func (b *Backend) CrossEntropy(a kernels.CrossEntropyArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		targets, mask, vocabulary := a.Targets.HostI32(), a.Mask.HostU8(), a.Logits.Dim(1)
		with := func(n int) bool { return mask == nil || mask[n] != 0 }
		for n, t := range targets {
			if with(n) && (t < 0 || int64(t) >= vocabulary) {
				return deviceError("cross_entropy", "row %d has target %d outside [0,%d)", n, t, vocabulary)
			}
		}
		for n, t := range targets {
			row := a.Logits.Rows(int64(n), 1)
			loss, best, gradient := 0.0, int32(-1), make([]float64, vocabulary)
			if with(n) {
				loss, best = crossEntropyRow(gradient, load(row), int(t))
			}
			put(a.Loss, int64(n), loss)
			if !a.ArgMax.IsZero() {
				a.ArgMax.HostI32()[n] = best
			}
			if a.Gradient {
				scale := load(a.Scale)[0]
				for v := range gradient {
					gradient[v] *= scale
				}
				store(row, gradient)
			}
		}
		return nil
	})
}

// crossEntropyRow fills the unscaled gradient of one row and returns its loss and first largest logit.
func crossEntropyRow(gradient, logits []float64, target int) (loss float64, best int32) {
	for v, x := range logits {
		if x > logits[best] {
			best = int32(v)
		}
	}
	copy(gradient, logits)
	lse := softmax(gradient)
	gradient[target]--
	return lse - logits[target], best
}

// Sum adds a tensor up:
//
//	out[0] = (Accumulate ? out[0] : 0) + Σ_i x[i]
func (b *Backend) Sum(a kernels.SumArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		out := start(a.Out, a.Accumulate)
		for _, v := range load(a.X) {
			out[0] += v
		}
		store(a.Out, out)
		return nil
	})
}

func finite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }
