package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/pipeline"
)

// Quickstart is the command that runs the whole method on the sample.
func Quickstart(stdio IO) *cobra.Command {
	s := pipeline.Defaults()
	var asJSON bool
	var seeds uint64
	var makeBase string
	cmd := &cobra.Command{
		Use:   "quickstart",
		Short: "Run the whole method on the embedded sample, in about five minutes",
		Long: "Quickstart tunes a small synthesizer, augments raw texts, pre-trains three models on the same number of tokens (raw\n" +
			"texts; mixed with tuning data; augmented) and evaluates them. It writes report.md, report.json and report.png.\n" +
			"A quickstart that is there already is moved aside. With --seeds it runs once for each of seeds 1 to n and writes\n" +
			"seeds.md and seeds.json; a seed that shows less than a quickstart has to makes it fail.\n" +
			"The synthesizer starts from a small base that comes with the program and has learnt to find and copy in texts of other\n" +
			"people's names; --make-base trains it anew, in about a quarter of an hour. The three models start from scratch.",
		Example: "  quickstart\n  quickstart --seed 2 --out runs/second --json\n  quickstart --seeds 5 --out runs/quickstart-seeds\n" +
			"  quickstart --make-base my-base && quickstart --base my-base",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if makeBase != "" && (s.Base != "" || seeds > 0) {
				return usage("--make-base trains a base and does nothing else: it goes with neither --base nor --seeds")
			}
			b, err := openDevice(s.Device) // for its error, before minutes of work
			if err != nil {
				return err
			}
			if err := b.Close(); err != nil {
				return err
			}
			s.Log = stdio.Err
			var result any
			var print func(w io.Writer) error
			if makeBase != "" {
				if !cmd.Flags().Changed("out") {
					s.Out = "runs/quickstart-base" // an earlier quickstart stays where it is
				}
				result, err = pipeline.MakeBase(cmd.Context(), s, makeBase)
				print = func(w io.Writer) error { _, err := fmt.Fprintln(w, "written to "+makeBase); return err }
			} else if seeds > 0 {
				result, err = pipeline.Seeds(cmd.Context(), s, seeds)
				print = func(w io.Writer) error { _, err := fmt.Fprintln(w, "written to "+s.Out); return err }
			} else {
				var report *pipeline.Report
				report, err = pipeline.Quickstart(cmd.Context(), s)
				result, print = report, report.Print
			}
			if ctx := cmd.Context(); err != nil && ctx.Err() != nil {
				return fmt.Errorf("interrupted: the same command starts from the front: %w", errors.Join(err, ctx.Err()))
			}
			if err != nil {
				return err
			}
			var printed error
			return errors.Join(stdio.emit(asJSON, result, func(w io.Writer) { printed = print(w) }), printed)
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&s.Seed, "seed", s.Seed, "of world, weights, order and tasks")
	f.Uint64Var(&seeds, "seeds", 0, "run with each of seeds 1 to `n` in place of --seed")
	f.StringVar(&s.Base, "base", "", "`folder` of the base in place of the embedded one")
	f.StringVar(&makeBase, "make-base", "", "train the base, in runs/quickstart-base unless --out says else, and write it to this new `folder`")
	f.StringVar(&s.Out, "out", s.Out, "`directory` for runs, corpora and the report")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	deviceFlag(cmd, &s.Device)
	return cmd
}
