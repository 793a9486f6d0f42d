package kerneltest

import (
	"math"

	"github.com/primer-lm/primer/kernels"
)

// What the contract says of infinite logits, of NaN beside dropout, and of the order in which sampling cuts.
func specialCases() []Case {
	var out []Case
	for _, d := range acts {
		for _, gradient := range []bool{false, true} {
			out = append(out, infiniteLogits(d, gradient))
		}
		out = append(out, droppedNaN(d), sampleOrder(d))
	}
	return out
}

// Rows with +Inf (beside and at the target, in the first and in a late block), with −Inf at the target, and with −Inf only. A
// token of ArgMax outside the vocabulary would make Embed fail.
func infiniteLogits(d kernels.DType, gradient bool) Case {
	const n, v = 6, 5000
	name := d.String() + map[bool]string{true: ",gradient"}[gradient]
	return Case{Op: "CrossEntropy", Name: "infinite logits," + name, Units: n, Run: func(p *Probe) {
		w, logits := p.Window(), p.values("logits", n*v)
		logits[0*v+7], logits[1*v+4000], logits[2*v+4000], logits[3*v+11] = inf, inf, inf, -inf
		fillRows(logits, v, -inf, 4)
		logits[5*v+1], logits[5*v+3] = inf, nan
		a := kernels.CrossEntropyArgs{
			Loss:     p.RowsOut("loss", w, Tolerance{Rel: 2e-6}, kernels.F32, n),
			Targets:  p.RowsPut("targets", w, kernels.I32, []float64{9, 9, 4000, 11, 3, 3}, n),
			Gradient: gradient, Scale: p.Put("scale", kernels.F32, []float64{0.037}, 1),
		}
		first := min(w.From+w.Count, n-1) - w.From // of the last row, which has a NaN, only the range is promised
		a.ArgMax = p.Out("argmax", anything, kernels.I32, w.Count)
		if gradient {
			a.Logits = p.RowsInOut("logits", w, within(d, 2e-6), d, logits, n, v)
		} else {
			a.Logits = p.RowsPut("logits", w, d, logits, n, v)
		}
		p.B.CrossEntropy(a)
		p.B.Copy(kernels.CopyArgs{Dst: p.Out("promised", exact, kernels.I32, first), X: a.ArgMax.Rows(0, first)})
		p.B.Embed(kernels.EmbedArgs{
			Out: p.Out("looked up", anything, kernels.F32, w.Count, 1), Table: p.In("table", kernels.F32, v, 1), Tokens: a.ArgMax,
		})
	}}
}

// A value is NaN at position 10 of the second document, its key is not: rows before it must not know, rows after it are NaN
// where its probability is kept and may be where it is dropped.
func droppedNaN(d kernels.DType) Case {
	s := attentionShape{docs: []int32{40, 30}, h: 2, k: 1, d: 9, p: 0.5}
	const at = 40 + 10
	return Case{Op: "Attention", Name: "NaN under dropout," + d.String(), Run: func(p *Probe) {
		n, width := int64(70), (s.h+2*s.k)*s.d
		qkv := p.values("qkv", n*width)
		fillRows(qkv, s.d, nan, at*(s.h+2*s.k)+s.h+s.k)
		tol := attentionTolerance(d)
		loose := tol
		loose.OrNaN = true
		a := kernels.AttentionArgs{
			Out: p.Out("out", loose, d, n, s.h, s.d), LSE: p.Out("lse", Tolerance{Norm: 5e-6}, kernels.F32, s.h, n),
			QKV: p.Put("qkv", d, qkv, n, s.h+2*s.k, s.d), CuLens: p.Ints("culens", 0, 40, 70), Heads: s.h, KVHeads: s.k, MaxLen: 40, Scale: 0.31,
			Dropout: kernels.Dropout{P: s.p, Purpose: kernels.PurposeDropoutAttn, Layer: 2, Step: p.dropStep(1<<20, 0)},
		}
		a.Work = p.Work(p.B.AttentionPlan(a))
		p.B.Attention(a)
		p.B.Copy(kernels.CopyArgs{Dst: p.Out("before", tol, d, at, s.h, s.d), X: a.Out.Rows(0, at)})
	}}
}

// sampleOrders are cuts that leave one token in the contract's order and two in another one: the probabilities of the four
// tokens are 0.4, 0.3, 0.2 and 0.1, at temperature 1/2 they are 0.53, 0.3, 0.13 and 0.03.
var sampleOrders = []struct {
	temperature, topP float64
	topK              float64
}{
	{1, 0.5, 2},    // among the two kept 0.57 and 0.43; of all, 0.4 is not enough
	{0.5, 0.5, 0},  // 0.53 after the temperature, 0.4 before
	{0.5, 0.6, 2},  // 0.64 after temperature and top-k, 0.53 without one of them
	{1, 0.5, 1000}, // control: two tokens stay
}

func sampleOrder(d kernels.DType) Case {
	const seeds, v = 16, 4
	rows := int64(seeds * len(sampleOrders))
	return Case{Op: "Sample", Name: "order of the cuts," + d.String(), Units: rows, Run: func(p *Probe) {
		w := p.Window()
		logits, heat, topK, topP, seed := make([]float64, 0, rows*v), []float64{}, []float64{}, []float64{}, []float64{}
		for r := range rows {
			set := sampleOrders[r/seeds]
			logits = append(logits, math.Log(0.4), math.Log(0.3), math.Log(0.2), math.Log(0.1))
			heat, topK, topP, seed = append(heat, set.temperature), append(topK, set.topK), append(topP, set.topP), append(seed, float64(r%seeds))
		}
		zero := make([]float64, rows)
		a := sampleRows{logits, heat, topK, topP, zero, seed, zero}.args(p, w, d)
		a.Work = p.Work(p.B.SamplePlan(a))
		p.B.Sample(a)
	}}
}
