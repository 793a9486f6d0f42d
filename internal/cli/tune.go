package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/tokenizer"
)

// tune trains a synthesizer.
type tune struct {
	training
	texts  texts
	epochs float64
	shots  int
}

// Tune is the command that trains an instruction synthesizer.
func Tune(stdio IO) *cobra.Command {
	t := &tune{training: training{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "tune",
		Short: "Train an instruction synthesizer on examples",
		Long: "Tune trains a synthesizer on texts with pairs: as many examples of one dataset (the source field) as fit the window make\n" +
			"a sequence, shuffled anew each epoch, with a loss on the pairs only. With --model it tunes that folder (recipe\n" +
			"synthesizer); otherwise it trains a tiny model from scratch. Without --in it learns from the embedded sample.\n\n" +
			"A run that was interrupted, or killed, goes on when the same command is given again.",
		Example: "  tune\n" +
			"  tune --model models/Mistral-7B-v0.1 --in collection/ --out runs/synthesizer\n" +
			"  tune --model DIR --in examples.jsonl.zst --epochs 3 --seq-len 2048",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			defer func() { err = errors.Join(err, t.close()) }()
			return t.start(cmd.Context())
		},
	}
	t.bind(cmd, "tiny; synthesizer with --model", "runs/tune", "examples: JSON lines files, globs, folders")
	t.texts.bindReading(cmd)
	cmd.Flags().Float64Var(&t.epochs, "epochs", 0, "passes over the examples; sets --steps (default 5 with --model and no --steps)")
	cmd.Flags().IntVar(&t.shots, "max-shots", 0, "examples of a sequence at most; 0: as many as fit")
	return cmd
}

func (t *tune) start(ctx context.Context) error {
	recipe := "tiny"
	if t.model != "" {
		recipe = "synthesizer"
	}
	if err := t.open(recipe); err != nil {
		return err
	}
	if t.out == "" {
		t.out = filepath.Join("runs", "tune")
	}
	switch {
	case t.epochs < 0 || t.shots < 0:
		return usage("--epochs and --max-shots must not be negative")
	case t.epochs > 0 && t.flags.Changed("steps"):
		return usage("--epochs and --steps both say how long to train: give one of them")
	case t.epochs == 0 && t.model != "" && !t.flags.Changed("steps") && t.config == "":
		t.epochs = 5 // Table 8
	case t.tokenizer == "" && len(t.in) > 0:
		return usage("examples need a tokenizer: give --tokenizer, or --model for a folder that has one")
	}
	if err := t.openTokenizer(func() (*tokenizer.Tokenizer, error) { return tokenizer.FromBytes("sample", sample.Tokenizer()) }); err != nil {
		return err
	}
	if t.plan && t.epochs == 0 {
		return t.printPlan()
	}
	sets, note, err := t.examples()
	if err != nil {
		return err
	}
	codec, err := synth.NewCodec(t.tok)
	if err != nil {
		return err
	}
	src := &epochs{sets: sets, codec: codec, opt: synth.SequenceOptions{Window: int(t.cfg.SeqLen), MaxShots: t.shots, Seed: t.cfg.Seed}}
	if err := src.enter(0); err != nil {
		return err
	}
	if err := t.setSteps(src); err != nil {
		return err
	}
	if t.plan {
		return t.printPlan()
	}
	src.tell(t.stdio)
	return t.run(ctx, t.job(src, map[string]string{"in": note, "examples": src.fingerprint(), "max_shots": fmt.Sprint(t.shots)}))
}

// setSteps turns epochs into steps.
func (t *tune) setSteps(src *epochs) error {
	if t.epochs == 0 {
		return nil
	}
	batches, err := src.mixture.CountRagged(int(t.cfg.MicroTokens))
	if err != nil {
		return err
	}
	micro := max(1, (t.cfg.BatchTokens+t.cfg.MicroTokens-1)/t.cfg.MicroTokens)
	t.cfg.Steps = max(1, int64(t.epochs*float64((batches+micro-1)/micro)+0.5))
	return nil
}

// examples reads what to learn from, by dataset; the note says what it is.
func (t *tune) examples() (map[string][]data.Example, string, error) {
	if len(t.in) == 0 {
		return sampleExamples(t.stdio, t.cfg.Seed)
	}
	var report data.Report
	sets := map[string][]data.Example{}
	for ex, err := range data.Examples(t.in, t.texts.options(t.stdio, &report)) {
		if err != nil {
			return nil, "", err
		}
		sets[ex.Source] = append(sets[ex.Source], ex)
	}
	t.stdio.problems(&report)
	return sets, strings.Join(t.in, ","), nil
}

// sampleExamples is the sample's tuning split.
func sampleExamples(stdio IO, seed uint64) (map[string][]data.Example, string, error) {
	stdio.note("no --in: learning from the embedded sample")
	world := sample.NewWorld(seed, sample.Defaults())
	goDocs, err := sample.GoDocs("", sample.GoOptions{Seed: seed})
	if err != nil {
		return nil, "", err
	}
	note := fmt.Sprintf("sample: world of seed %d, doc comments of %s (%s)", seed, goDocs.Version, goDocs.Hash)
	return map[string][]data.Example{
		"world/warm": world.Tuning(sample.Warm), "world": world.Tuning(sample.Train), "go": goDocs.Train,
	}, note, nil
}
