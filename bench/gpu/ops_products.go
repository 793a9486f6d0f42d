package gpu

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// productOps are the ops whose time is multiplying.
func productOps() (ops []op) {
	for _, m := range []struct {
		name string
		size func(s *opShape) (n, o, i int64)
	}{
		{"qkv", func(s *opShape) (n, o, i int64) { return s.N, (s.h + 2*s.k) * s.d, s.c }},
		{"out", func(s *opShape) (n, o, i int64) { return s.N, s.c, s.h * s.d }},
		{"gate_up", func(s *opShape) (n, o, i int64) { return s.N, 2 * s.f, s.c }},
		{"down", func(s *opShape) (n, o, i int64) { return s.N, s.c, s.f }},
		{"head", func(s *opShape) (n, o, i int64) { return s.LogitRows, s.v, s.c }},
	} {
		ops = append(ops,
			op{"Linear " + m.name, 0, func(s *opShape) load { return s.linear(m.size(s)) }},
			op{"LinearBackwardInput " + m.name, 0, func(s *opShape) load { return s.linearBackwardInput(m.size(s)) }},
			op{"LinearBackwardWeight " + m.name, 0, func(s *opShape) load { return s.linearBackwardWeight(m.size(s)) }})
	}
	return append(ops, op{"Attention", 0, (*opShape).attention}, op{"AttentionBackward", 0, (*opShape).attentionBackward})
}

func (s *opShape) weight(o, i int64, use kernels.WeightUse) kernels.Weight {
	w, err := s.backend.Prepare(s.normal(half, o, i), use)
	s.must(err)
	s.weights = append(s.weights, w)
	return w
}

func (s *opShape) linear(n, o, i int64) load {
	a := kernels.LinearArgs{Y: s.zeros(half, n, o), X: s.normal(half, n, i), W: s.weight(o, i, kernels.WeightTrained)}
	return load{run: func() { s.backend.Linear(a) }, flops: 2 * float64(n*o*i)}
}

func (s *opShape) linearBackwardInput(n, o, i int64) load {
	a := kernels.LinearBackwardInputArgs{DX: s.zeros(half, n, i), DY: s.normal(half, n, o), W: s.weight(o, i, kernels.WeightTrained)}
	return load{run: func() { s.backend.LinearBackwardInput(a) }, flops: 2 * float64(n*o*i)}
}

// linearBackwardWeight accumulates, as a micro-batch after the first does.
func (s *opShape) linearBackwardWeight(n, o, i int64) load {
	a := kernels.LinearBackwardWeightArgs{DW: s.zeros(kernels.F32, o, i), DY: s.normal(half, n, o), X: s.normal(half, n, i), Math: half, Accumulate: true}
	return load{run: func() { s.backend.LinearBackwardWeight(a) }, flops: 2 * float64(n*o*i)}
}

// forward makes the arguments of attention over documents of T, and its FLOPs: the causal half of two products.
func (s *opShape) forward() (kernels.AttentionArgs, float64) {
	a := kernels.AttentionArgs{
		Out: s.zeros(half, s.N, s.h, s.d), LSE: s.zeros(kernels.F32, s.h, s.N), QKV: s.normal(half, s.N, s.h+2*s.k, s.d), CuLens: s.docs(),
		Heads: s.h, KVHeads: s.k, MaxLen: min(s.T, s.N), Scale: float32(1 / math.Sqrt(float64(s.d))),
	}
	a.Work = s.work(s.backend.AttentionPlan(a))
	return a, attentionFLOPs(s.N/s.T, s.h, s.d, s.T) + attentionFLOPs(1, s.h, s.d, s.N%s.T)
}

// attentionFLOPs counts two products over the T(T+1)/2 pairs that the causal mask leaves.
func attentionFLOPs(batch, heads, dim, t int64) float64 {
	return 2 * float64(batch*heads*dim) * float64(t) * float64(t+1)
}

// backwardProducts: five products of pairs where the forward pass has two, the probabilities once more among them.
const backwardProducts = 2.5

func (s *opShape) attention() load {
	a, flops := s.forward()
	return load{run: func() { s.backend.Attention(a) }, flops: flops}
}

func (s *opShape) attentionBackward() load {
	f, flops := s.forward()
	s.backend.Attention(f) // Out and LSE
	a := kernels.AttentionBackwardArgs{
		DQKV: s.zeros(half, s.N, s.h+2*s.k, s.d), DOut: s.normal(half, s.N, s.h, s.d), Out: f.Out, LSE: f.LSE, QKV: f.QKV, CuLens: f.CuLens,
		Heads: s.h, KVHeads: s.k, MaxLen: f.MaxLen, Scale: f.Scale,
	}
	a.Work = s.work(s.backend.AttentionBackwardPlan(a))
	return load{run: func() { s.backend.AttentionBackward(a) }, flops: backwardProducts * flops}
}
