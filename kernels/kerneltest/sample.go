package kerneltest

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

func sampleCases() []Case {
	var out []Case
	for _, v := range []int64{1, 2, 7, 33, 300, 1030} {
		for _, d := range acts {
			for _, top := range []int64{0, 1, 5} {
				if top <= v {
					out = append(out, sampleCase(v, top, d))
				}
				if top <= v && d == kernels.F32 && v > 2 {
					out = append(out, editedCase(v, top))
				}
			}
		}
	}
	return out
}

// sampleSettings are what requests ask for, alone and together.
var sampleSettings = []struct {
	temperature, topP, minP float64
	topK                    int32
}{
	{0, 0, 0, 0}, {1, 0, 0, 0}, {0.7, 0, 0, 0}, {3, 0, 0, 5}, {1, 0.9, 0, 0}, {1, 0.3, 0, 0}, {1.5, 0, 0.2, 0}, {0.8, 0.95, 0.05, 20},
	{1, 1, 0, 1}, {0, 0.5, 0.5, 3}, {1, 0, 0, 1 << 30}, {2, 0.8, 0, 7},
}

// sampleCase draws with every setting. The numbers are drawn so that no decision hangs on a rounding (see decided), hence the
// tokens must be the reference's. Rounding logits to eighths makes ties; one row has impossible tokens (-Inf).
func sampleCase(v, top int64, d kernels.DType) Case {
	rows := int64(len(sampleSettings)) * 3
	chosen := map[int64]float64{} // found once, for all runs of the case
	return Case{Op: "Sample", Name: fmt.Sprintf("v=%d,top=%d,%v", v, top, d), Units: rows, Run: func(p *Probe) {
		w, logits := p.Window(), p.values("logits", rows*v)
		for i := range logits {
			logits[i] = float64(int(logits[i]*16)) / 8
		}
		if v > 2 {
			fillRows(logits[4*v:5*v-2], 1, -inf, 0, 1)
		}
		temperature, topK, topP, minP := make([]float64, rows), make([]float64, rows), make([]float64, rows), make([]float64, rows)
		seeds, positions := make([]float64, rows), make([]float64, rows)
		for r := range rows {
			set := sampleSettings[r%int64(len(sampleSettings))]
			temperature[r], topK[r], positions[r] = float64(float32(set.temperature)), float64(set.topK), float64(r*r)
			topP[r], minP[r] = float64(float32(set.topP)), float64(float32(set.minP))
			if _, ok := chosen[r]; !ok {
				chosen[r] = decided(ref.Row{
					Logits: logits[r*v : (r+1)*v], Temperature: temperature[r], TopP: topP[r], MinP: minP[r], TopK: int(set.topK), Position: uint64(r * r),
				})
			}
			seeds[r] = chosen[r]
		}
		a := sampleRows{logits, temperature, topK, topP, minP, seeds, positions}.args(p, w, d)
		if top > 0 {
			a.TopTokens = p.RowsOut("toptokens", w, exact, kernels.I32, rows, top)
			a.TopLogProbs = p.RowsOut("toplogprobs", w, Tolerance{Norm: 2e-6}, kernels.F32, rows, top)
		}
		a.Given = p.RowsPut("given", w, kernels.I32, givenTokens(rows, v), rows)
		a.Work = p.Work(p.B.SamplePlan(a))
		p.B.Sample(a)
	}}
}

// givenTokens are those of rows of which every fifth is given one: the first, the last and others.
func givenTokens(rows, v int64) []float64 {
	out := make([]float64, rows)
	for r := range out {
		out[r] = -1
		if r%5 == 2 {
			out[r] = float64(int64(r/5) * (v - 1) / max(rows/5, 1))
		}
	}
	return out
}

// sampleRows are the operands of sampling, by row; logits [rows, v].
type sampleRows struct{ logits, temperature, topK, topP, minP, seeds, positions []float64 }

func (s sampleRows) args(p *Probe, w Window, d kernels.DType) kernels.SampleArgs {
	rows := int64(len(s.seeds))
	return kernels.SampleArgs{
		Tokens: p.RowsOut("tokens", w, exact, kernels.I32, rows), LogProbs: p.RowsOut("logprobs", w, Tolerance{Norm: 2e-6}, kernels.F32, rows),
		Logits:      p.RowsPut("logits", w, d, s.logits, rows, int64(len(s.logits))/rows),
		Temperature: p.RowsPut("temperature", w, kernels.F32, s.temperature, rows), TopK: p.RowsPut("topk", w, kernels.I32, s.topK, rows),
		TopP: p.RowsPut("topp", w, kernels.F32, s.topP, rows), MinP: p.RowsPut("minp", w, kernels.F32, s.minP, rows),
		Seeds: p.RowsPut("seeds", w, kernels.I64, s.seeds, rows), Positions: p.RowsPut("positions", w, kernels.I64, s.positions, rows),
	}
}

// decided returns the first seed with which a row's token stays the same whatever a float32 computation rounds. Where the cut
// itself is near, no seed helps: then the last one tried is taken and the row's top-p moves the cut elsewhere.
func decided(r ref.Row) float64 {
	for seed := range uint64(50) {
		r.Seed = seed<<33 + seed + 1
		if _, margin := ref.SampleRow(r); margin > 1e-4 {
			break
		}
	}
	return float64(r.Seed)
}

func sampleFailures() []Failure {
	var out []Failure
	add := func(name string, want string, logits func(x []float64), change func(p *Probe, a *kernels.SampleArgs)) {
		out = append(out, Failure{Op: "Sample", Name: name, Want: []string{"sample", "row 1", want}, Run: func(p *Probe) {
			x := p.values("logits", 15)
			logits(x)
			zero := make([]float64, 3)
			a := sampleRows{x, []float64{1, 0, 1}, zero, zero, zero, []float64{1, 2, 3}, []float64{1, 2, 3}}.args(p, Window{0, 3}, kernels.F32)
			change(p, &a)
			a.Work = p.Work(p.B.SamplePlan(a))
			p.B.Sample(a)
		}})
	}
	same, none := func([]float64) {}, func(*Probe, *kernels.SampleArgs) {}
	for name, bad := range map[string]float64{"NaN": nan, "+Inf": inf, "no finite logit": -inf} {
		add(name, "logit", func(x []float64) {
			if x[7] = bad; bad == -inf {
				fillRows(x, 5, bad, 1)
			}
		}, none)
	}
	for _, token := range []int32{-2, 5} {
		add(fmt.Sprintf("given %d", token), fmt.Sprint(token), same, func(p *Probe, a *kernels.SampleArgs) { a.Given = p.Ints("given", -1, token, -1) })
		add(fmt.Sprintf("edited %d", token), fmt.Sprint(token), same, func(p *Probe, a *kernels.SampleArgs) {
			edits{offsets: []float64{0, 1, 2, 2}, tokens: []float64{1, float64(token)}, factors: []float64{1, 1}, adds: []float64{0, 0}}.put(p, a)
		})
	}
	forbidden := edits{offsets: []float64{0, 0, 5, 5}, tokens: []float64{0, 1, 2, 3, 4}, factors: []float64{1, 1, 1, 1, 1}, adds: []float64{-inf, -inf, -inf, -inf, -inf}}
	add("all forbidden", "logit", same, forbidden.put)
	add("edits past the end", "edits", same, edits{offsets: []float64{0, 0, 6, 6}, tokens: forbidden.tokens, factors: forbidden.factors, adds: forbidden.adds}.put)
	add("edits fall", "edits", same, edits{offsets: []float64{0, 1, 0, 0}, tokens: []float64{1}, factors: []float64{1}, adds: []float64{0}}.put)
	return out
}
