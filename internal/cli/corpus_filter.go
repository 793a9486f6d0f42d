package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/synth"
)

// filtering is the verb that drops pairs by their recorded scores.
type filtering struct {
	corpusFlags
	synth.Thresholds
	minGain float64
}

func corpusFilter(stdio IO) *cobra.Command {
	c := &filtering{corpusFlags: corpusFlags{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "filter",
		Short: "Drop pairs by the scores that synthesize recorded",
		Long: "Filter reads chains and writes them with the pairs that pass every threshold given. It needs no model, so a corpus is filtered\n" +
			"again and again with other thresholds; report.html of a synthesis shows how the scores are distributed. A text whose pairs\n" +
			"all fail stays, raw, in its chain's place. A pair without a score passes that threshold, unless --drop-unscored.",
		Example: "  corpus filter --in augmented --out kept.jsonl.zst --min-logprob -1.5 --min-gain 0 --options-valid --max-repetition 0.3",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(true); err != nil {
				return err
			}
			for name, v := range map[string]float64{"min-logprob": c.MinLogProb, "min-gain": c.minGain, "min-agreement": c.MinAgreement,
				"max-repetition": c.MaxRepetition, "min-tokens": c.MinTokens, "max-tokens": c.MaxTokens} {
				if math.IsNaN(v) || name != "min-gain" && name != "min-logprob" && v < 0 || name == "min-logprob" && v > 0 {
					return usage("--%s %v: see %s -h", name, v, cmd.CommandPath())
				}
			}
			if cmd.Flags().Changed("max-repetition") && c.MaxRepetition == 0 {
				return usage("--max-repetition 0 would be no threshold: give a share above 0, such as 0.01")
			}
			if cmd.Flags().Changed("min-gain") {
				c.MinGain = &c.minGain
			}
			if c.Thresholds == (synth.Thresholds{DropUnscored: c.DropUnscored}) {
				return usage("no threshold is given: --min-logprob, --min-gain, --min-agreement, --options-valid, --max-repetition, --min-tokens or --max-tokens")
			}
			return c.run(cmd.Context())
		},
	}
	c.bindReading(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&c.in, "in", nil, "chains: the folder of a synthesis, files, globs, folders or -")
	f.StringVar(&c.out, "out", "", "`file` to write: .jsonl, also .gz or .zst")
	f.BoolVar(&c.json, "json", false, "print the result as JSON")
	f.Float64Var(&c.MinLogProb, "min-logprob", 0, "least mean log-probability of the response (natural logarithm, below 0)")
	f.Float64Var(&c.minGain, "min-gain", 0, "least gain of that log-probability from the text")
	f.Float64Var(&c.MinAgreement, "min-agreement", 0, "least token F1 of the second answer with the response, 0 to 1")
	f.BoolVar(&c.OptionsValid, "options-valid", false, "drop multiple choice whose response is none of its options")
	f.Float64Var(&c.MaxRepetition, "max-repetition", 0, "largest share of the response's word trigrams that occurred before, 0 to 1")
	f.Float64Var(&c.MinTokens, "min-tokens", 0, "least tokens of the response")
	f.Float64Var(&c.MaxTokens, "max-tokens", 0, "most tokens of the response")
	f.BoolVar(&c.DropUnscored, "drop-unscored", false, "also drop pairs that lack a score asked for")
	f.Lookup("min-gain").DefValue = "none"
	return cmd
}

func (c *filtering) run(ctx context.Context) error {
	var report data.Report
	var counts synth.FilterCounts
	texts, raw := 0, 0
	line := progress.New(c.stdio.Err, "filter")
	_, err := data.WriteFile(durable.OS, c.out, func(yield func(data.Chain, error) bool) {
		for chain, err := range checked(ctx, data.Chains(c.in, c.options(c.stdio, &report))) {
			if err == nil {
				counts.Add(c.Apply(&chain))
				for _, ex := range chain.Examples {
					if texts++; len(ex.Pairs) == 0 {
						raw++
					}
				}
				line.Update(int64(texts), 0, progress.F("pairs", counts.Pairs), progress.F("kept", counts.Kept))
			}
			if !yield(chain, err) || err != nil {
				return
			}
		}
		if err := c.unscored(&counts); err != nil {
			yield(data.Chain{}, err)
		}
	})
	line.Done()
	c.stdio.problems(&report)
	if err != nil {
		return err
	}
	return c.stdio.emit(c.json, filtered{texts, raw, counts}, func(w io.Writer) {
		fmt.Fprintf(w, "%d of %d pairs kept; %d of %d texts have none\n", counts.Kept, counts.Pairs, raw, texts)
		for _, why := range slices.Sorted(maps.Keys(counts.Dropped)) {
			fmt.Fprintf(w, "  dropped by %s: %d\n", why, counts.Dropped[why])
		}
		for _, score := range slices.Sorted(maps.Keys(counts.Unscored)) {
			fmt.Fprintf(w, "  without a score for %s: %d\n", score, counts.Unscored[score])
		}
	})
}

// filtered is the result as JSON.
type filtered struct {
	Texts int `json:"texts"`
	Raw   int `json:"texts_without_pairs"`
	synth.FilterCounts
}

// unscored refuses a threshold on a score that no pair has: it would look as if all had passed.
func (c *filtering) unscored(counts *synth.FilterCounts) error {
	var missing []string
	for score, n := range counts.Unscored {
		if n == counts.Pairs && n > 0 && score != synth.ScoreOptionsValid {
			missing = append(missing, score)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("%w: no pair of %s has the score %s: synthesize records it with --verify", data.ErrBroken, names(c.in), strings.Join(missing, ", "))
}
