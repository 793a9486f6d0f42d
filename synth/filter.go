package synth

import (
	"slices"

	"github.com/primer-lm/primer/data"
)

// PairFilter says why a pair of a text is to be dropped; "" keeps it. It may be called from many goroutines at once.
type PairFilter func(text data.Document, p data.Pair) Reason

// Thresholds decide, on recorded scores, which pairs are used. A score that was not recorded passes, unless DropUnscored.
type Thresholds struct {
	MinLogProb    float64 // 0: none; log-probabilities are negative
	MinGain       *float64
	MinAgreement  float64
	OptionsValid  bool // drop multiple choice whose response is no option
	MaxRepetition float64
	MinTokens     float64 // 0: none
	MaxTokens     float64 // 0: none
	DropUnscored  bool    // a threshold also drops pairs that lack its score
}

// FilterCounts says what a filter did.
type FilterCounts struct {
	Pairs    int            `json:"pairs"`
	Kept     int            `json:"kept"`
	Dropped  map[string]int `json:"dropped,omitempty"`  // by the first score that failed
	Unscored map[string]int `json:"unscored,omitempty"` // pairs without a score that a threshold asks for
}

// Filter returns the chains with the pairs that pass. A text whose pairs all fail stays, raw, in its chain's place.
func Filter(chains []data.Chain, t Thresholds) ([]data.Chain, FilterCounts) {
	var counts FilterCounts
	out := cloneChains(chains)
	for i := range out {
		counts.Add(t.Apply(&out[i]))
	}
	return out, counts
}

// Apply drops the pairs of a chain that fail, in place.
func (t *Thresholds) Apply(c *data.Chain) FilterCounts {
	unscored := map[string]int{}
	counts := FilterBy(c, func(_ data.Document, p data.Pair) Reason {
		for _, score := range t.asked() {
			if _, ok := p.Scores[score]; !ok && (score != ScoreOptionsValid || len(p.Options) > 0) {
				unscored[score]++
			}
		}
		return Reason(t.fails(p))
	})
	counts.Unscored = unscored
	return counts
}

// FilterBy drops the pairs of a chain that a filter gives a reason for, in place. The scores of p are what Verification
// recorded.
func FilterBy(c *data.Chain, why PairFilter) FilterCounts {
	counts := FilterCounts{Dropped: map[string]int{}}
	for j := range c.Examples {
		ex := &c.Examples[j]
		kept := make([]data.Pair, 0, len(ex.Pairs))
		for _, p := range ex.Pairs {
			counts.Pairs++
			if reason := why(ex.Document, p); reason != "" {
				counts.Dropped[string(reason)]++
				continue
			}
			counts.Kept++
			kept = append(kept, p)
		}
		ex.Pairs = kept
	}
	return counts
}

// Add sums up.
func (c *FilterCounts) Add(o FilterCounts) {
	c.Pairs, c.Kept = c.Pairs+o.Pairs, c.Kept+o.Kept
	for to, from := range map[*map[string]int]map[string]int{&c.Dropped: o.Dropped, &c.Unscored: o.Unscored} {
		if *to == nil {
			*to = map[string]int{}
		}
		for name, n := range from {
			(*to)[name] += n
		}
	}
}

// bound is one threshold.
type bound struct {
	score string
	on    bool
	fails func(v float64) bool // NaN fails
}

// bounds lists the thresholds in the order in which they are counted.
func (t *Thresholds) bounds() []bound {
	gain := 0.0
	if t.MinGain != nil {
		gain = *t.MinGain
	}
	below := func(least float64) func(float64) bool { return func(v float64) bool { return !(v >= least) } }
	above := func(most float64) func(float64) bool { return func(v float64) bool { return !(v <= most) } }
	return []bound{
		{ScoreOptionsValid, t.OptionsValid, below(1)},
		{ScoreLogProb, t.MinLogProb != 0, below(t.MinLogProb)},
		{ScoreGain, t.MinGain != nil, below(gain)},
		{ScoreAgreement, t.MinAgreement > 0, below(t.MinAgreement)},
		{ScoreRepetition, t.MaxRepetition > 0, above(t.MaxRepetition)},
		{ScoreTokens, t.MinTokens > 0, below(t.MinTokens)},
		{ScoreTokens, t.MaxTokens > 0, above(t.MaxTokens)},
	}
}

// asked lists the scores that the thresholds look at, each once.
func (t *Thresholds) asked() []string {
	var out []string
	for _, b := range t.bounds() {
		if b.on && !slices.Contains(out, b.score) {
			out = append(out, b.score)
		}
	}
	return out
}

// fails names the first score below its threshold.
func (t *Thresholds) fails(p data.Pair) string {
	for _, b := range t.bounds() {
		if !b.on {
			continue
		}
		v, scored := p.Scores[b.score]
		switch {
		case scored && b.fails(v):
			return b.score
		case !scored && t.DropUnscored && (b.score != ScoreOptionsValid || len(p.Options) > 0):
			return "no " + b.score
		}
	}
	return ""
}
