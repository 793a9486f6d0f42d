package eval

import (
	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/eval/metric"
	"github.com/primer-lm/primer/synth"
)

// PairQuality compares the pairs that a synthesizer generates for texts with their gold pairs: per text the one-to-one
// matching of pairs by token F1 of "{instruction} {response}", divided by the larger number of pairs (metric.SetF1), then
// the mean over texts. The paper's Table 5 does not say how sets are matched; Joined is the other reading, all pairs of a
// text as one string.
type PairQuality struct {
	matched, joined []float64
	byRound         [][]float64
}

// Add compares one text.
func (q *PairQuality) Add(t synth.Text, gold []data.Pair) {
	got, want := pairTexts(t.Parsed.Pairs), pairTexts(gold)
	f1 := metric.SetF1(got, want)
	q.matched = append(q.matched, f1)
	q.joined = append(q.joined, metric.TokenF1(join(got), join(want)))
	for len(q.byRound) <= t.Round {
		q.byRound = append(q.byRound, nil)
	}
	q.byRound[t.Round] = append(q.byRound[t.Round], f1)
}

// PairScore is the result of PairQuality.
type PairScore struct {
	F1      metric.Score   `json:"f1"`
	Joined  metric.Score   `json:"joined_f1"`
	ByRound []metric.Score `json:"by_round"`
}

// Score returns the means so far.
func (q *PairQuality) Score() PairScore {
	out := PairScore{F1: metric.MeanOf(q.matched), Joined: metric.MeanOf(q.joined)}
	for _, r := range q.byRound {
		out.ByRound = append(out.ByRound, metric.MeanOf(r))
	}
	return out
}

func pairTexts(pairs []data.Pair) []string {
	var out []string
	for _, p := range pairs {
		out = append(out, p.Instruction+" "+p.Response)
	}
	return out
}

func join(texts []string) string {
	out := ""
	for _, t := range texts {
		out += t + "\n"
	}
	return out
}
