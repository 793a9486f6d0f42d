package pipeline

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/primer-lm/primer/internal/durable"
)

// What a quickstart has to show whatever its seed.
const (
	minParsed    = 0.95 // share of the generated pieces
	minF1        = 0.8  // token F1 of the synthesizer
	minTexts     = 300  // unseen texts that it is taken over
	minQuestions = 2000 // closed-book questions
	minLead      = 2.0  // standard errors of the difference, over each of the other arms
)

// Missed says which of the figures that every quickstart has to show this one does not; nil: it shows them all.
func (r *Report) Missed() (out []string) {
	miss := func(is bool, format string, args ...any) {
		if is {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	miss(!(r.ParsedShare >= minParsed), "%.1f%% of the pieces parsed, at least %.0f%% wanted", 100*r.ParsedShare, 100*minParsed)
	miss(!(r.SynthF1 >= minF1), "synthesizer F1 %.3f, at least %.1f wanted", r.SynthF1, minF1)
	miss(r.Synthesizer.F1.N < minTexts, "F1 over %d texts, at least %d wanted", r.Synthesizer.F1.N, minTexts)
	miss(r.Arms[Instruct].Questions < minQuestions, "%d questions, at least %d wanted", r.Arms[Instruct].Questions, minQuestions)
	miss(!(r.LeadVanilla > minLead), "Instruct above Vanilla by %.1f standard errors, more than %.0f wanted", r.LeadVanilla, minLead)
	miss(!(r.LeadMix > minLead), "Instruct above Mix by %.1f standard errors, more than %.0f wanted", r.LeadMix, minLead)
	return out
}

// Seeds runs the quickstart with seeds 1 to n, each in a folder of its own under Out, and writes seeds.md and seeds.json (the
// reports) there. What a seed missed is in the page, and makes the error once all have run.
func Seeds(ctx context.Context, s Settings, n uint64) ([]*Report, error) {
	var reports []*Report
	var missed []string
	out := s.Out
	for seed := uint64(1); seed <= n; seed++ {
		s.Seed, s.Out = seed, filepath.Join(out, fmt.Sprintf("seed-%d", seed))
		r, err := Quickstart(ctx, s)
		if err != nil {
			return reports, fmt.Errorf("seed %d: %w", seed, err)
		}
		reports = append(reports, r)
		for _, what := range r.Missed() {
			missed = append(missed, fmt.Sprintf("seed %d: %s", seed, what))
		}
	}
	if err := writeJSON(durable.OS, filepath.Join(out, "seeds.json"), reports); err != nil {
		return reports, err
	}
	page := func(w io.Writer) error { return seedsPage(w, reports, missed) }
	if err := durable.WriteFile(durable.OS, filepath.Join(out, "seeds.md"), page); err != nil {
		return reports, err
	}
	if len(missed) > 0 {
		return reports, fmt.Errorf("a quickstart shows less than it has to (%s has all figures):\n%s", filepath.Join(out, "seeds.md"), strings.Join(missed, "\n"))
	}
	return reports, nil
}

// seedsPage is the table of several quickstarts.
func seedsPage(w io.Writer, reports []*Report, missed []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# The quickstart with seeds 1 to %d\n\n", len(reports))
	first := reports[0]
	half := "no bf16 products"
	if first.Peaks.GEMM16 > 0 {
		half = fmt.Sprintf("%.0f in bf16", first.Peaks.GEMM16/1e9)
	}
	fmt.Fprintf(&b, "`make quickstart-seeds` on %d processors, %s/%s: GEMM peak %.0f GFLOP/s in f32, %s; computed in %s; %s.\n\n%s.\n\n", runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, first.Peaks.GEMM32/1e9, half, first.Math, first.GoVersion, first.baseLine())
	b.WriteString("| seed | seconds | parsed | synthesizer F1 (by round) | Vanilla | Mix | Instruct | above Vanilla | above Mix | questions |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range reports {
		rounds := make([]string, len(r.Synthesizer.ByRound))
		for i, x := range r.Synthesizer.ByRound {
			rounds[i] = fmt.Sprintf("%.3f", x.Mean)
		}
		fmt.Fprintf(&b, "| %d | %.0f | %.1f%% | %.3f (%s) |", r.Seed, r.Seconds, 100*r.ParsedShare, r.SynthF1, strings.Join(rounds, " / "))
		for _, name := range Arms {
			fmt.Fprintf(&b, " %.3f ± %.3f |", r.Arms[name].Accuracy, r.Arms[name].Stderr)
		}
		fmt.Fprintf(&b, " %.1f SE | %.1f SE | %d |\n", r.LeadVanilla, r.LeadMix, r.Arms[Instruct].Questions)
	}
	fmt.Fprintf(&b, "\nAccuracy is on closed-book questions about the raw corpus, chance %.2f; SE: standard errors of the difference; F1 over %d unseen texts.\n",
		first.Arms[Instruct].Chance, first.Synthesizer.F1.N)
	fmt.Fprintf(&b, "Wanted of every seed: parsed ≥ %.0f%%, F1 ≥ %.1f on ≥ %d texts, Instruct above both by more than %.0f SE on ≥ %d questions.\n",
		100*minParsed, minF1, minTexts, minLead, minQuestions)
	for _, m := range missed {
		fmt.Fprintf(&b, "\n- MISSED: %s\n", m)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
