package synth

import "github.com/primer-lm/primer/data"

// Thresholds decide, on recorded scores, which pairs are used. A score that was not recorded passes.
type Thresholds struct {
	MinLogProb    float64 // 0: none; log-probabilities are negative
	MinGain       *float64
	MinAgreement  float64
	OptionsValid  bool // drop multiple choice whose response is no option
	MaxRepetition float64
	MaxTokens     float64 // 0: none
}

// FilterCounts says what a filter did.
type FilterCounts struct {
	Pairs   int            `json:"pairs"`
	Kept    int            `json:"kept"`
	Dropped map[string]int `json:"dropped,omitempty"` // by the first score that failed
}

// Filter returns the chains with the pairs that pass. A text whose pairs all fail stays, raw, in its chain's place.
func Filter(chains []data.Chain, t Thresholds) ([]data.Chain, FilterCounts) {
	counts := FilterCounts{Dropped: map[string]int{}}
	out := cloneChains(chains)
	for i := range out {
		for j := range out[i].Examples {
			ex := &out[i].Examples[j]
			kept := ex.Pairs[:0]
			for _, p := range ex.Pairs {
				counts.Pairs++
				if why := t.fails(p.Scores); why != "" {
					counts.Dropped[why]++
					continue
				}
				counts.Kept++
				kept = append(kept, p)
			}
			ex.Pairs = kept
		}
	}
	return out, counts
}

// fails names the first score below its threshold.
func (t *Thresholds) fails(scores map[string]float64) string {
	below := func(name string, least float64) bool { v, ok := scores[name]; return ok && !(v >= least) }
	above := func(name string, most float64) bool { v, ok := scores[name]; return ok && !(v <= most) }
	switch {
	case t.OptionsValid && below(ScoreOptionsValid, 1):
		return ScoreOptionsValid
	case t.MinLogProb != 0 && below(ScoreLogProb, t.MinLogProb):
		return ScoreLogProb
	case t.MinGain != nil && below(ScoreGain, *t.MinGain):
		return ScoreGain
	case t.MinAgreement > 0 && below(ScoreAgreement, t.MinAgreement):
		return ScoreAgreement
	case t.MaxRepetition > 0 && above(ScoreRepetition, t.MaxRepetition):
		return ScoreRepetition
	case t.MaxTokens > 0 && above(ScoreTokens, t.MaxTokens):
		return ScoreTokens
	}
	return ""
}
