package synth

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
)

// Report counts what a run of the synthesizer did.
type Report struct {
	Texts      int            `json:"texts"`
	WithPairs  int            `json:"texts_with_pairs"`
	Chains     int            `json:"chains"`
	Pieces     int            `json:"pieces"`
	Pairs      int            `json:"pairs"`
	Dropped    map[Reason]int `json:"dropped,omitempty"`
	Formats    map[string]int `json:"formats,omitempty"`
	TokensIn   int64          `json:"prompt_tokens"`
	TokensOut  int64          `json:"new_tokens"`
	CachedIn   int64          `json:"cached_tokens"`
	CutAtLimit int            `json:"cut_at_limit"` // texts whose generation ended at the token limit
	ByRound    []RoundReport  `json:"by_round"`
}

// RoundReport counts one round.
type RoundReport struct {
	Texts  int `json:"texts"`
	Pieces int `json:"pieces"`
	Pairs  int `json:"pairs"`
}

// Add counts one chain.
func (r *Report) Add(a Augmented) {
	if r.Dropped == nil {
		r.Dropped, r.Formats = map[Reason]int{}, map[string]int{}
	}
	r.Chains += len(a.Chains)
	for _, t := range a.Texts {
		for len(r.ByRound) <= t.Round {
			r.ByRound = append(r.ByRound, RoundReport{})
		}
		round := &r.ByRound[t.Round]
		round.Texts++
		round.Pieces += t.Parsed.Pieces
		round.Pairs += len(t.Parsed.Pairs)
		r.Texts++
		r.Pieces += t.Parsed.Pieces
		r.Pairs += len(t.Parsed.Pairs)
		if len(t.Parsed.Pairs) > 0 {
			r.WithPairs++
		}
		for reason, n := range t.Parsed.Dropped {
			r.Dropped[reason] += n
		}
		for i := range t.Parsed.Pairs {
			r.Formats[t.Parsed.Pairs[i].Format().String()]++
		}
		r.TokensIn += int64(t.Prompt)
		r.TokensOut += int64(t.New)
		r.CachedIn += int64(t.Cached)
		if t.Finish == "length" {
			r.CutAtLimit++
		}
	}
}

// Merge adds what another part of the run did.
func (r *Report) Merge(o *Report) {
	r.Texts, r.WithPairs, r.Chains = r.Texts+o.Texts, r.WithPairs+o.WithPairs, r.Chains+o.Chains
	r.Pieces, r.Pairs, r.CutAtLimit = r.Pieces+o.Pieces, r.Pairs+o.Pairs, r.CutAtLimit+o.CutAtLimit
	r.TokensIn, r.TokensOut, r.CachedIn = r.TokensIn+o.TokensIn, r.TokensOut+o.TokensOut, r.CachedIn+o.CachedIn
	if r.Dropped == nil {
		r.Dropped, r.Formats = map[Reason]int{}, map[string]int{}
	}
	for reason, n := range o.Dropped {
		r.Dropped[reason] += n
	}
	for format, n := range o.Formats {
		r.Formats[format] += n
	}
	for i, round := range o.ByRound {
		for len(r.ByRound) <= i {
			r.ByRound = append(r.ByRound, RoundReport{})
		}
		r.ByRound[i].Texts += round.Texts
		r.ByRound[i].Pieces += round.Pieces
		r.ByRound[i].Pairs += round.Pairs
	}
}

// CachedShare is the part of the prompts' tokens that was found in the cache.
func (r *Report) CachedShare() float64 {
	if r.TokensIn == 0 {
		return 0
	}
	return float64(r.CachedIn) / float64(r.TokensIn)
}

// ParsedShare is the part of the generated pieces that became pairs.
func (r *Report) ParsedShare() float64 { return ratio(r.Pairs, r.Pieces) }

// PairsPerText is the mean over all texts, those without a pair included.
func (r *Report) PairsPerText() float64 { return ratio(r.Pairs, r.Texts) }

// TokensPerPair is the mean of generated tokens over the pairs kept.
func (r *Report) TokensPerPair() float64 { return ratio(int(r.TokensOut), r.Pairs) }

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// WriteText prints the report for people.
func (r *Report) WriteText(w io.Writer) error {
	var drops []string
	for reason, n := range r.Dropped {
		drops = append(drops, fmt.Sprintf("%s %d", reason, n))
	}
	sort.Strings(drops)
	if len(drops) == 0 {
		drops = []string{"none"}
	}
	_, err := fmt.Fprintf(w, "texts %d (%d with pairs), chains %d\npairs %d: %.2f per text, %.1f tokens each, %.1f%% of the pieces parsed\ndropped: %s\ntokens: %d in (%d cached), %d out\n",
		r.Texts, r.WithPairs, r.Chains, r.Pairs, r.PairsPerText(), r.TokensPerPair(), 100*r.ParsedShare(), strings.Join(drops, ", "),
		r.TokensIn, r.CachedIn, r.TokensOut)
	return err
}

// WriteJSON prints the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
