package ref

import (
	"math"
	"sort"

	"github.com/primer-lm/primer/kernels"
)

// Sample picks one token a row; see SampleRow.
func (b *Backend) Sample(a kernels.SampleArgs) {
	a.Check(kernels.F64)
	b.run(func() error {
		temperature, topP, minP := load(a.Temperature), load(a.TopP), load(a.MinP)
		factors, adds := load(a.EditFactors), load(a.EditAdds)
		for s := range int(a.Logits.Dim(0)) {
			logits := load(a.Logits.Rows(int64(s), 1))
			row := Row{
				Logits: logits, Temperature: temperature[s], TopK: int(a.TopK.HostI32()[s]),
				TopP: topP[s], MinP: minP[s], Seed: uint64(a.Seeds.HostI64()[s]), Position: uint64(a.Positions.HostI64()[s]),
			}
			if !row.usable() {
				return deviceError("sample", "row %d has a NaN or +Inf, or no finite logit", s)
			}
			token := -1
			if !a.Given.IsZero() {
				if token = int(a.Given.HostI32()[s]); token < -1 || token >= len(logits) {
					return deviceError("sample", "row %d: given token %d outside the vocabulary", s, token)
				}
			}
			if token < 0 && !a.EditOffsets.IsZero() {
				from, to := a.EditOffsets.HostI32()[s], a.EditOffsets.HostI32()[s+1]
				if from < 0 || to < from || int64(to) > a.EditTokens.Len() {
					return deviceError("sample", "row %d: edits %d to %d of %d", s, from, to, a.EditTokens.Len())
				}
				tokens := a.EditTokens.HostI32()[from:to]
				for _, t := range tokens {
					if t < 0 || int(t) >= len(logits) {
						return deviceError("sample", "row %d: edited token %d outside the vocabulary", s, t)
					}
				}
				if row.Logits = EditLogits(logits, tokens, factors[from:to], adds[from:to]); !row.usable() {
					return deviceError("sample", "row %d has a NaN or +Inf, or no finite logit", s)
				}
			}
			if token < 0 {
				token, _ = SampleRow(row)
			}
			logProbs := logSoftmax(logits)
			a.Tokens.HostI32()[s] = int32(token)
			put(a.LogProbs, int64(s), logProbs[token])
			if !a.TopTokens.IsZero() {
				width := a.TopTokens.Dim(1)
				for k, v := range descending(logits)[:width] {
					a.TopTokens.HostI32()[int64(s)*width+int64(k)] = int32(v)
					put(a.TopLogProbs, int64(s)*width+int64(k), logProbs[v])
				}
			}
		}
		return nil
	})
}

// SamplePlan returns 0: the reference needs no workspace.
func (b *Backend) SamplePlan(kernels.SampleArgs) int64 { return 0 }

// EditLogits returns a row of logits with edits made; see kernels.SampleArgs.
func EditLogits(logits []float64, tokens []int32, factors, adds []float64) []float64 {
	out := append([]float64(nil), logits...)
	for e, t := range tokens {
		if out[t] < 0 {
			out[t] *= factors[e]
		} else {
			out[t] /= factors[e]
		}
		out[t] += adds[e]
	}
	return out
}

// Row is what decides one sampled token.
type Row struct {
	Logits                  []float64
	Temperature, TopP, MinP float64
	TopK                    int
	Seed, Position          uint64
}

func (r Row) usable() bool {
	any := false
	for _, v := range r.Logits {
		if math.IsNaN(v) || math.IsInf(v, 1) {
			return false
		}
		any = any || finite(v)
	}
	return any
}

// SampleRow picks a token:
//
//	temperature 0: the first largest logit. Otherwise, over ids by descending logit (ties by lower id), l = logits/temperature:
//	keep the first TopK;  keep the shortest beginning of probability (among the kept) ≥ TopP;  keep p ≥ MinP·p[largest]
//	u = uniform(seed, position);  the first kept id, ascending, whose cumulative probability (among the kept) exceeds u
//
// Margin says how far the decision is from another outcome, as a probability: rounding below it cannot change the token.
func SampleRow(r Row) (token int, margin float64) {
	order := descending(r.Logits)
	if r.Temperature == 0 {
		return order[0], math.Inf(1)
	}
	kept, p, margin := keep(r, order)
	ids := append([]int(nil), order[:kept]...)
	sort.Ints(ids)
	key := kernels.Subkey(r.Seed, kernels.PurposeSample, r.Position, 0)
	u := float64(kernels.Uniform(kernels.Philox(key, [4]uint32{})[0]))
	total, cumulative := 0.0, 0.0
	for _, v := range ids {
		total += p[v]
	}
	for i, v := range ids {
		before := cumulative
		cumulative += p[v] / total
		if cumulative > u || i == len(ids)-1 {
			margin = min(margin, math.Abs(cumulative-u))
			if before > 0 {
				margin = min(margin, math.Abs(u-before))
			}
			return v, margin
		}
	}
	return ids[len(ids)-1], margin
}

// keep returns how many ids of the descending order stay, their probabilities (by id) and the margin of the cut.
func keep(r Row, order []int) (kept int, p []float64, margin float64) {
	p, kept, margin = make([]float64, len(r.Logits)), len(order), math.Inf(1)
	if r.TopK > 0 && r.TopK < kept {
		kept = r.TopK
	}
	total := 0.0
	for _, v := range order[:kept] {
		p[v] = math.Exp((r.Logits[v] - r.Logits[order[0]]) / r.Temperature)
		total += p[v]
	}
	for _, v := range order[:kept] {
		p[v] /= total
	}
	if r.TopP > 0 && r.TopP < 1 {
		sum := 0.0
		for i, v := range order[:kept] {
			sum += p[v]
			margin = min(margin, math.Abs(sum-r.TopP))
			if sum >= r.TopP {
				kept = i + 1
				break
			}
		}
	}
	bound := r.MinP * p[order[0]]
	for i, v := range order[:kept] {
		if r.MinP > 0 {
			margin = min(margin, math.Abs(p[v]-bound))
		}
		if p[v] < bound {
			kept = i
			break
		}
	}
	return kept, p, margin
}

// descending returns ids by falling logit, ties by lower id.
func descending(logits []float64) []int {
	order := make([]int, len(logits))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return logits[order[i]] > logits[order[j]] })
	return order
}

func logSoftmax(logits []float64) []float64 {
	out := append([]float64(nil), logits...)
	lse := softmax(out)
	for v, x := range logits {
		out[v] = x - lse
	}
	return out
}
