package job

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/synth"
)

// results are what the model of the tests makes of a corpus.
func results(t testing.TB) (out []synth.Augmented) {
	t.Helper()
	for a, err := range synthesizer(t, &model{}).Run(context.Background(), data.All(corpus(40))) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// Parts add up to the whole, in any order and grouping, and come back from JSON as they were.
func TestStatsOfPartsAddUp(t *testing.T) {
	all := results(t)
	var whole Stats
	for _, a := range all {
		whole.Add(a)
	}
	if whole.TokensOut == 0 || whole.NewTokens.Sum != float64(whole.TokensOut) || whole.PairsPerText.Sum != float64(whole.Pairs) ||
		len(whole.Samples) != maxSamples || whole.Scores[synth.ScoreGain].N != int64(whole.Pairs) || whole.Openings["what"] != whole.Pairs {
		t.Errorf("%+v", whole)
	}
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 0))
		parts := make([]Stats, 5)
		for _, i := range rng.Perm(len(all)) {
			parts[rng.IntN(len(parts))].Add(all[i])
		}
		var sum Stats
		for i := range parts {
			raw, err := json.Marshal(&parts[i])
			if err != nil {
				t.Fatal(err)
			}
			var back Stats
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			sum.Merge(&back)
		}
		for name, h := range sum.Scores { // sums of floats depend on the order in their last bits
			if d := h.Sum - whole.Scores[name].Sum; !(d < 1e-6 && d > -1e-6) {
				t.Errorf("seed %d: %s sums to %v, want %v", seed, name, h.Sum, whole.Scores[name].Sum)
			}
			h.Sum = whole.Scores[name].Sum
			sum.Scores[name] = h
		}
		if !reflect.DeepEqual(sum, whole) {
			t.Fatalf("seed %d:\n%+v, want\n%+v", seed, sum, whole)
		}
	}
}

// The page holds the numbers and samples, escaped, and nothing from elsewhere.
func TestReportPage(t *testing.T) {
	r := Report{Settings: settings.With(synth.RoundOptions{Rounds: 2, Window: 400, MaxNewTokens: 80}), Documents: 40}
	for _, a := range results(t) {
		r.Stats.Add(a)
	}
	r.Stats.Dropped["<script>alert(1)</script>"] = 3
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"greedy", "of the pieces parsed", "unfinished", "what is &lt;b&gt;", "of &lt;them&gt; &amp; all.",
		"prefers-color-scheme: dark", "Its gain from the text", "a.jsonl", "&lt;script&gt;alert", "logprob −"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"http:", "https:", "<script", "<link", "src=", "ZgotmplZ", "<no value>", "NaN"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
	var empty strings.Builder
	if err := (&Report{}).WriteHTML(&empty); err != nil || !strings.Contains(empty.String(), "No text got a pair.") || strings.Contains(empty.String(), "NaN") {
		t.Errorf("of nothing: %v", err)
	}
}
