package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/curate"
	"github.com/primer-lm/primer/data/records"
	"github.com/primer-lm/primer/internal/progress"
)

// overlap is the verb that compares tuning data with evaluation sets.
type overlap struct {
	stdio        IO
	tuning, eval []string
	ngram        int
	samples      int
	json         bool
}

func corpusOverlap(stdio IO) *cobra.Command {
	c := &overlap{stdio: stdio}
	cmd := &cobra.Command{
		Use:   "overlap",
		Short: "Say what tuning data and evaluation sets share",
		Long: "Overlap compares examples, as corpus convert writes them, with evaluation sets, and counts for each pair of sets the items whose\n" +
			"context or question is the same up to blanks, symbols and case, and those that share an n-gram. (The paper's own tuning data and\n" +
			"evaluation share PubMedQA and ConvFinQA.) A path without a name is named after its file; a folder is a set for each file.",
		Example: "  corpus overlap --tuning tuning/train --eval pubmedqa=eval/pubmedqa.jsonl --eval convfinqa=eval/convfinqa.jsonl\n" +
			"  corpus overlap --tuning tuning/train --eval eval/ --ngram 0 --json",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case len(c.tuning) == 0:
				return usage("--tuning is missing: examples that something is tuned on")
			case len(c.eval) == 0:
				return usage("--eval is missing: examples that something is evaluated on")
			case c.ngram < 0 || c.ngram == 1:
				return usage("--ngram %d: 2 or more words, or 0 for none", c.ngram)
			case c.samples < 0:
				return usage("--samples %d is no number of samples", c.samples)
			}
			return c.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.tuning, "tuning", nil, "tuning examples, `NAME=PATH`, or a path; several times for several")
	f.StringArrayVar(&c.eval, "eval", nil, "evaluation examples, `NAME=PATH`, or a path; several times for several")
	f.IntVar(&c.ngram, "ngram", 13, "words of n-grams that are compared besides; 0: none")
	f.IntVar(&c.samples, "samples", 3, "samples to show of each pair of sets")
	f.BoolVar(&c.json, "json", false, "print the result as JSON")
	return cmd
}

func (c *overlap) run(ctx context.Context) error {
	opt := data.Options{Tables: records.Tables()}
	tuning, err := namedSets(c.tuning, "tuning", opt)
	if err != nil {
		return err
	}
	eval, err := namedSets(c.eval, "eval", opt)
	if err != nil {
		return err
	}
	line := progress.New(c.stdio.Err, "overlap")
	report, err := curate.FindOverlap(ctx, curate.OverlapOptions{Tuning: tuning, Evaluation: eval, NGram: c.ngram, Samples: c.samples,
		Progress: func(set string, n int64) { line.Update(n, 0, progress.F("set", set)) }})
	line.Done()
	if err != nil {
		return err
	}
	return c.stdio.emit(c.json, report, func(w io.Writer) { report.Print(w) })
}

// contamination is the verb that counts evaluation items in corpora.
type contamination struct {
	stdio IO
	texts
	raw, augmented, eval []string
	pieces, length       int
	seed                 uint64
	json                 bool
}

func corpusContamination(stdio IO) *cobra.Command {
	c := &contamination{stdio: stdio}
	cmd := &cobra.Command{
		Use:   "contamination",
		Short: "Count the evaluation items that a raw and an augmented corpus hold",
		Long: "Contamination counts as the paper's table 9 does: random pieces of an item's question or context, blanks and symbols dropped, are\n" +
			"looked for in the raw texts and in the texts with their pairs; an item is contaminated if one occurs.",
		Example: "  corpus contamination --raw raw/ --augmented augmented/ --eval arc=eval/arc.jsonl --eval boolq=eval/boolq.jsonl",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case len(c.raw)+len(c.augmented) == 0:
				return usage("--raw and --augmented are missing: what to look in")
			case len(c.eval) == 0:
				return usage("--eval is missing: what to look for")
			case c.pieces < 1 || c.length < 1:
				return usage("--pieces %d of --length %d: at least 1 each", c.pieces, c.length)
			}
			return c.run(cmd.Context())
		},
	}
	c.bindReading(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&c.raw, "raw", nil, "raw documents: files, globs or folders")
	f.StringSliceVar(&c.augmented, "augmented", nil, "chains: the folder of a synthesis, files, globs or folders")
	f.StringArrayVar(&c.eval, "eval", nil, "evaluation set of examples, `NAME=PATH`, or a path; several times for several")
	f.IntVar(&c.pieces, "pieces", 3, "pieces of an item")
	f.IntVar(&c.length, "length", 50, "letters and digits of a piece")
	f.Uint64Var(&c.seed, "seed", 1, "of the places of the pieces")
	f.BoolVar(&c.json, "json", false, "print the result as JSON")
	return cmd
}

func (c *contamination) run(ctx context.Context) error {
	sets, err := namedSets(c.eval, "eval", data.Options{Tables: records.Tables()})
	if err != nil {
		return err
	}
	line := progress.New(c.stdio.Err, "contamination")
	report, err := curate.Contamination(ctx, curate.ContaminationOptions{Sets: sets, Pieces: c.pieces, PieceLength: c.length, Seed: c.seed,
		Raw: c.raw, RawRead: c.options(c.stdio, nil), Augmented: c.augmented, AugmentedRead: c.options(c.stdio, nil),
		Progress: func(n int64) { line.Update(n, 0) }})
	line.Done()
	if err != nil {
		return err
	}
	if report.Skipped > 0 {
		c.stdio.note("%d broken lines were skipped; --strict makes them errors", report.Skipped)
	}
	return c.stdio.emit(c.json, report, func(w io.Writer) { report.Print(w) })
}
