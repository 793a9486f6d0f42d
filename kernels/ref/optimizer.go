package ref

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// SumSquares adds squares up:
//
//	out[0] = (Accumulate ? out[0] : 0) + Σ_i x[i]²
func (b *Backend) SumSquares(a kernels.SumSquaresArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		out := start(a.Out, a.Accumulate)
		for _, v := range load(a.X) {
			out[0] += v * v
		}
		store(a.Out, out)
		return nil
	})
}

// Clip turns the sum of squares into the gradients' factor:
//
//	norm = sqrt(sumsq);  scale = MaxNorm > 0 and norm > MaxNorm ? MaxNorm/norm : 1;  finite = norm and loss are finite
func (b *Backend) Clip(a kernels.ClipArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		norm, scale, ok := math.Sqrt(load(a.SumSquares)[0]), 1.0, 1.0
		if a.MaxNorm > 0 && norm > float64(a.MaxNorm) {
			scale = float64(a.MaxNorm) / norm
		}
		if !finite(norm) || (!a.Loss.IsZero() && !finite(load(a.Loss)[0])) {
			ok = 0
		}
		put(a.Clip, kernels.ClipScale, scale)
		put(a.Clip, kernels.ClipNorm, norm)
		put(a.Clip, kernels.ClipFinite, ok)
		return nil
	})
}

// AdamW (Loshchilov and Hutter 2019), for every element e, with wd = decay[e/Block] ≠ 0 ? WeightDecay : 0:
//
//	g = grad·clip;  m = β1·m + (1−β1)·g;  v = β2·v + (1−β2)·g²
//	w = w − rate·((m·c1)/(sqrt(v·c2) + eps) + wd·w);  shadow = bf16(w)
//
// Nothing is written when clip[ClipFinite] is 0.
func (b *Backend) AdamW(a kernels.AdamWArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		clip, hyper, decay := load(a.Clip), load(a.Hyper), a.Decay.HostU8()
		if clip[kernels.ClipFinite] == 0 {
			return nil
		}
		w, grad, m, v := load(a.Master), load(a.Grad), load(a.M), load(a.V)
		beta1, beta2, rate := float64(a.Beta1), float64(a.Beta2), hyper[kernels.HyperRate]
		for e, g := range grad {
			g *= clip[kernels.ClipScale]
			m[e] = beta1*m[e] + (1-beta1)*g
			v[e] = beta2*v[e] + (1-beta2)*g*g
			update := m[e] * hyper[kernels.HyperCorrection1] / (math.Sqrt(v[e]*hyper[kernels.HyperCorrection2]) + float64(a.Eps))
			if decay[e/kernels.Block] != 0 {
				update += float64(a.WeightDecay) * w[e]
			}
			w[e] -= rate * update
		}
		store(a.Master, w)
		if !a.Shadow.IsZero() {
			store(a.Shadow, load(a.Master)) // of the stored master, as every reader of it would round
		}
		storeMoment(a, a.M, m, 0)
		storeMoment(a, a.V, v, 1)
		return nil
	})
}

// storeMoment stores plainly, or with stochastic rounding in BF16: 16 random bits are added below the last one that stays and
// the sum is cut off, so that the mean over the random numbers is the value itself.
func storeMoment(a kernels.AdamWArgs, t kernels.Tensor, values []float64, layer uint32) {
	if t.Type != kernels.BF16 {
		store(t, values)
		return
	}
	step := a.Step.HostI64()
	key := kernels.Subkey(uint64(step[kernels.StepSeed]), kernels.PurposeStochasticRound, uint64(step[kernels.StepNumber]), layer)
	for e, v := range values {
		word := kernels.Element(key, uint64(a.First)+uint64(e))
		t.HostU16()[e] = stochastic(float32(v), word)
	}
}

func stochastic(v float32, word uint32) uint16 {
	if !finite(float64(v)) {
		return Float64ToBF16(float64(v))
	}
	return uint16((math.Float32bits(v) + word>>16) >> 16)
}
