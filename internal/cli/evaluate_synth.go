package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/synth"
)

// synthQuality is the verb that compares generated pairs with gold ones.
func synthQuality(stdio IO) *cobra.Command {
	g := &generation{stdio: stdio}
	cmd := &cobra.Command{
		Use:   "synth",
		Short: "Token F1 of a synthesizer's pairs against gold pairs",
		Long: "Synth generates pairs for the texts of examples and compares them with the examples' own: pairs are matched one to one\n" +
			"by token F1 of instruction and response, and the sum is divided by the larger number of pairs.",
		Example: "  evaluate synth --model DIR --in gold.jsonl --max-new-tokens 200 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return g.with(cmd.Context(), func(ctx context.Context, s *synth.Synthesizer) error { return g.quality(ctx, s) })
		},
	}
	g.bind(cmd, "examples with gold pairs: files, globs, folders or -")
	return cmd
}

// synthScore is the result as JSON.
type synthScore struct {
	eval.PairScore
	Report synth.Report `json:"report"`
	Parsed float64      `json:"parsed_share"`
}

func (g *generation) quality(ctx context.Context, s *synth.Synthesizer) error {
	var report data.Report
	gold := map[string][]data.Pair{}
	var docs []data.Document
	for ex, err := range data.Examples(g.in, g.options(g.stdio, &report)) {
		if err != nil {
			return err
		}
		if strings.TrimSpace(ex.Text) != "" && len(ex.Pairs) > 0 {
			ex.ID = strconv.Itoa(len(docs)) // ids of the input may repeat
			gold[ex.ID] = ex.Pairs
			docs = append(docs, ex.Document)
		}
	}
	g.stdio.problems(&report)
	if len(docs) == 0 {
		return fmt.Errorf("%w: no example in %s has a text and gold pairs", data.ErrEmpty, names(g.in))
	}
	var quality eval.PairQuality
	var out synthScore
	line := progress.New(g.stdio.Err, "synthesize")
	for a, err := range s.Run(ctx, data.All(docs)) {
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
		out.Report.Add(a)
		for _, t := range a.Texts {
			id, _, _ := strings.Cut(t.Document.ID, "#") // pieces of a long text are each compared with all its pairs
			quality.Add(t, gold[id])
		}
		line.Update(int64(out.Report.Texts), int64(len(docs)))
	}
	line.Done()
	out.PairScore, out.Parsed = quality.Score(), out.Report.ParsedShare()
	return g.stdio.emit(g.json, out, func(w io.Writer) {
		fmt.Fprintf(w, "F1 %.4f ± %.4f over %d texts (all pairs as one text: %.4f)\n", out.F1.Mean, out.F1.Stderr, out.F1.N, out.Joined.Mean)
		for i, r := range out.ByRound {
			fmt.Fprintf(w, "  round %d: %.4f ± %.4f (%d)\n", i+1, r.Mean, r.Stderr, r.N)
		}
		out.Report.WriteText(w)
	})
}
