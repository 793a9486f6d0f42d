package pipeline

import (
	"math"
	"strings"
	"testing"

	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/eval/metric"
)

// good is a report that shows just enough.
func good() *Report {
	r := &Report{Seed: 3, ParsedShare: 0.95, SynthF1: 0.8, LeadVanilla: 2.1, LeadMix: 2.1, Math: "f32", Arms: map[string]*Arm{}}
	r.Synthesizer = eval.PairScore{F1: metric.Score{Mean: 0.8, N: 300}, ByRound: []metric.Score{{Mean: 0.82}, {Mean: 0.78}}}
	for _, name := range Arms {
		r.Arms[name] = &Arm{Accuracy: 0.5, Stderr: 0.01, Chance: 0.25, Questions: 2000}
	}
	return r
}

func TestMissedNamesEveryFigureThatFallsShort(t *testing.T) {
	if missed := good().Missed(); missed != nil {
		t.Fatalf("just enough is missed: %q", missed)
	}
	for want, spoil := range map[string]func(r *Report){
		"pieces parsed": func(r *Report) { r.ParsedShare = 0.949 },
		"F1 0.799":      func(r *Report) { r.SynthF1 = 0.799 },
		"over 299":      func(r *Report) { r.Synthesizer.F1.N = 299 },
		"questions":     func(r *Report) { r.Arms[Instruct].Questions = 1999 },
		"above Vanilla": func(r *Report) { r.LeadVanilla = 2 },
		"above Mix":     func(r *Report) { r.LeadMix = lead(math.NaN()) },
	} {
		r := good()
		spoil(r)
		if missed := r.Missed(); len(missed) != 1 || !strings.Contains(missed[0], want) {
			t.Errorf("%q is not what is missed: %q", want, missed)
		}
	}
}

func TestSeedsPageHasALineForEverySeed(t *testing.T) {
	var b strings.Builder
	if err := seedsPage(&b, []*Report{good(), good()}, []string{"seed 3: something"}); err != nil {
		t.Fatal(err)
	}
	if page := b.String(); strings.Count(page, "| 3 | 0 | 95.0% | 0.800 (0.820 / 0.780) |") != 2 || !strings.Contains(page, "MISSED: seed 3: something") {
		t.Errorf("the page:\n%s", page)
	}
}
