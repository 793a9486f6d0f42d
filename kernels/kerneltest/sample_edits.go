package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// edits are the operands of edited logits: offsets [rows+1], the others one number an edit.
type edits struct{ offsets, tokens, factors, adds []float64 }

func (e edits) put(p *Probe, a *kernels.SampleArgs) {
	n := int64(len(e.tokens))
	a.EditOffsets = p.Put("offsets", kernels.I32, e.offsets, int64(len(e.offsets)))
	a.EditTokens, a.EditFactors = p.Put("edited", kernels.I32, e.tokens, n), p.Put("factors", kernels.F32, e.factors, n)
	a.EditAdds = p.Put("adds", kernels.F32, e.adds, n)
}

// of are the edits of a window's rows.
func (e edits) of(w Window) edits {
	out := edits{}
	from, to := int64(e.offsets[w.From]), int64(e.offsets[w.From+w.Count])
	for _, o := range e.offsets[w.From : w.From+w.Count+1] {
		out.offsets = append(out.offsets, o-float64(from))
	}
	out.tokens, out.factors, out.adds = e.tokens[from:to], e.factors[from:to], e.adds[from:to]
	return out
}

func (e edits) row(logits []float64, r int64) []float64 {
	one := e.of(Window{r, 1})
	var tokens []int32
	for _, t := range one.tokens {
		tokens = append(tokens, int32(t))
	}
	return ref.EditLogits(logits, tokens, one.factors, one.adds)
}

// someEdits edits two rows of three: the largest token is forbidden, or others are raised above it, or many are divided and
// multiplied.
func someEdits(p *Probe, logits []float64, rows, v int64) edits {
	e, rng := edits{offsets: []float64{0}}, p.random("edits")
	add := func(token int64, factor, addend float64) {
		e.tokens, e.factors, e.adds = append(e.tokens, float64(token)), append(e.factors, factor), append(e.adds, addend)
	}
	for r := range rows {
		switch r % 6 {
		case 1:
			best := int64(0)
			for i := range v {
				if logits[r*v+i] > logits[r*v+best] {
					best = i
				}
			}
			add(best, 1, -inf)
		case 2:
			add(v-1, 1, 9)
			add(0, 4, 0)
		case 3, 5:
			for _, token := range rng.Perm(int(v))[:(v+1)/2] {
				add(int64(token), []float64{1, 2, float64(float32(1.3)), 0.5}[rng.IntN(4)], float64(rng.IntN(9)-4)/4)
			}
		}
		e.offsets = append(e.offsets, float64(len(e.tokens)))
	}
	return e
}

// editedCase is sampleCase with edits. What is drawn follows from the edited logits; log-probabilities and top tokens are the raw
// row's.
func editedCase(v, top int64) Case {
	rows := int64(len(sampleSettings)) * 3
	chosen := map[int64]float64{}
	return Case{Op: "Sample", Name: fmt.Sprintf("edited,v=%d,top=%d", v, top), Units: rows, Run: func(p *Probe) {
		w, logits, zero := p.Window(), p.values("logits", rows*v), make([]float64, rows)
		for i := range logits {
			logits[i] = float64(int(logits[i]*16)) / 8
		}
		e := someEdits(p, logits, rows, v)
		s := sampleRows{logits: logits, minP: zero}
		for r := range rows {
			set := sampleSettings[(r/6+r)%int64(len(sampleSettings))] // other settings for the same kind of edits
			s.temperature, s.topP, s.topK = append(s.temperature, float64(float32(set.temperature))), append(s.topP, float64(float32(set.topP))), append(s.topK, float64(set.topK))
			if _, ok := chosen[r]; !ok {
				chosen[r] = decided(ref.Row{Logits: e.row(logits[r*v:(r+1)*v], r), Temperature: s.temperature[r], TopP: s.topP[r], TopK: int(set.topK), Position: uint64(r)})
			}
			s.seeds, s.positions = append(s.seeds, chosen[r]), append(s.positions, float64(r))
		}
		a := s.args(p, w, kernels.F32)
		if top > 0 {
			a.TopTokens = p.RowsOut("toptokens", w, exact, kernels.I32, rows, top)
			a.TopLogProbs = p.RowsOut("toplogprobs", w, Tolerance{Norm: 2e-6}, kernels.F32, rows, top)
		}
		e.of(w).put(p, &a)
		if top == 5 {
			a.Given = p.RowsPut("given", w, kernels.I32, givenTokens(rows, v), rows)
		}
		a.Work = p.Work(p.B.SamplePlan(a))
		p.B.Sample(a)
	}}
}
