package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/synth"
)

// generation is what the commands that run a synthesizer share.
type generation struct {
	stdio         IO
	texts         // how documents are read
	model, device string
	in            []string
	rounds        synth.RoundOptions
	inFlight      int
	json          bool
}

func (g *generation) bind(cmd *cobra.Command, inputs string) {
	f, byDefault := cmd.Flags(), synth.DefaultRounds()
	f.StringVar(&g.model, "model", "", "synthesizer: a Hugging Face `folder`")
	f.StringSliceVar(&g.in, "in", nil, inputs)
	f.IntVar(&g.rounds.Rounds, "rounds", byDefault.Rounds, "texts of a chain: each is prompted with the examples before it")
	f.IntVar(&g.rounds.Window, "window", 0, "tokens of prompt and new tokens together (default the model's, at most 2048)")
	f.IntVar(&g.rounds.MaxNewTokens, "max-new-tokens", byDefault.MaxNewTokens, "tokens generated for a text at most")
	f.Float32Var(&g.rounds.Temperature, "temperature", 0, "of sampling; 0: greedy")
	f.Float32Var(&g.rounds.TopP, "top-p", 0, "sample from the most probable tokens of this total probability; 0: from all")
	f.Uint64Var(&g.rounds.Seed, "seed", 1, "of sampling")
	f.IntVar(&g.inFlight, "in-flight", 32, "chains computed side by side")
	f.BoolVar(&g.json, "json", false, "print the report as JSON")
	deviceFlag(cmd, &g.device)
	g.bindReading(cmd)
}

// check finds what is wrong with the flags before a model is opened.
func (g *generation) check() error {
	r := &g.rounds
	switch {
	case g.model == "":
		return usage("--model is missing: the synthesizer's folder")
	case len(g.in) == 0:
		return usage("--in is missing: the texts")
	case r.Rounds < 1:
		return usage("--rounds %d: at least 1", r.Rounds)
	case r.MaxNewTokens < 1:
		return usage("--max-new-tokens %d: at least 1", r.MaxNewTokens)
	case r.Window != 0 && r.Window <= r.MaxNewTokens+8:
		return usage("--window %d leaves no room for a text beside --max-new-tokens %d", r.Window, r.MaxNewTokens)
	case !(r.Temperature >= 0 && r.Temperature <= 100):
		return usage("--temperature %v: 0 to 100", r.Temperature)
	case !(r.TopP >= 0 && r.TopP <= 1):
		return usage("--top-p %v: 0 to 1", r.TopP)
	case g.inFlight < 1:
		return usage("--in-flight %d: at least 1", g.inFlight)
	}
	return nil
}

// checkWindow compares the flags with the model's window.
func (g *generation) checkWindow() error {
	config, err := hf.ReadConfig(g.model)
	if err != nil {
		return fmt.Errorf("%s: %w", g.model, err)
	}
	if window := int(min(config.MaxPositions, int64(synth.DefaultRounds().Window))); g.rounds.Window == 0 && window <= g.rounds.MaxNewTokens+8 {
		return usage("--max-new-tokens %d leaves no room for a text in the model's window of %d", g.rounds.MaxNewTokens, window)
	}
	return nil
}

// with opens the synthesizer, runs f and closes it.
func (g *generation) with(ctx context.Context, f func(context.Context, *synth.Synthesizer) error) (err error) {
	if err := g.check(); err != nil {
		return err
	}
	if err := g.checkWindow(); err != nil {
		return err
	}
	s, err := synth.Open(ctx, g.model, synth.Device(g.device), synth.Rounds(g.rounds), synth.InFlight(g.inFlight))
	if err != nil {
		return deviceError(g.device, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(ctx, s)
}

// synthesize is a run over a corpus.
type synthesize struct {
	generation
	out  string
	show int

	line   *progress.Line
	began  time.Time
	total  int64 // documents of the input; 0: not known
	report synth.Report
	input  data.Report
}

// Synthesize is the command that adds pairs to texts.
func Synthesize(stdio IO) *cobra.Command {
	s := &synthesize{generation: generation{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "synthesize",
		Short: "Add instruction–response pairs to raw texts",
		Long: "Synthesize reads texts and writes chains: JSON lines of examples, each a text with its pairs, in the order of the texts.\n" +
			"The output is written whole or not at all: an interrupted run leaves nothing, and starts from the front the next time.\n" +
			"Split large corpora into several inputs.",
		Example: "  synthesize --model runs/tune/checkpoints/step-300 --in corpus.jsonl --out augmented.jsonl.zst\n" +
			"  synthesize --model DIR --in 'texts/*.txt' --rounds 3 --show 5 --out chains.jsonl\n" +
			"  echo 'A text.' | synthesize --model DIR --in - --text --out -",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.out == "" {
				return usage("--out is missing: the file to write (.jsonl, .jsonl.gz, .jsonl.zst), or - for standard output")
			}
			if s.out == data.Stdin && s.json {
				return usage("--out - and --json would both write to standard output")
			}
			return s.with(cmd.Context(), s.run)
		},
	}
	s.bind(cmd, "texts: files, globs, folders or -")
	cmd.Flags().StringVar(&s.out, "out", "", "`file` to write: .jsonl, also .gz or .zst; -: standard output")
	cmd.Flags().IntVar(&s.show, "show", 0, "print that many fresh pairs on the way")
	cmd.Flags().BoolVar(&s.plainText, "text", false, "inputs are plain text, whatever their names: each file is one text")
	return cmd
}

func (s *synthesize) run(ctx context.Context, model *synth.Synthesizer) error {
	if err := s.count(ctx); err != nil {
		return err
	}
	s.line, s.began = progress.New(s.stdio.Err, "synthesize"), time.Now()
	chains := s.chains(ctx, model)
	var err error
	if s.out == data.Stdin {
		err = writeChains(s.stdio.Out, chains)
	} else {
		_, err = data.WriteFile(durable.OS, s.out, chains)
	}
	s.line.Done()
	s.stdio.problems(&s.input)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: the pairs of %d texts are lost and %s was not written; the same command starts from the front: %w",
			s.report.Texts, s.out, ctx.Err())
	}
	if err != nil {
		return err
	}
	if s.out == data.Stdin {
		return s.report.WriteText(s.stdio.Err)
	}
	return s.stdio.emit(s.json, &s.report, func(w io.Writer) { s.report.WriteText(w) })
}

// count reads the input once before the long work: for the time left, and to find what is wrong with it early.
func (s *synthesize) count(ctx context.Context) error {
	for _, path := range s.in {
		if path == data.Stdin {
			return nil
		}
	}
	var report data.Report
	for _, err := range data.Documents(s.in, s.options(s.stdio, &report)) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		s.total++
	}
	return nil
}

// chains runs the synthesizer and counts on the way.
func (s *synthesize) chains(ctx context.Context, model *synth.Synthesizer) iter.Seq2[data.Chain, error] {
	docs := data.Documents(s.in, s.options(s.stdio, &s.input))
	return func(yield func(data.Chain, error) bool) {
		for a, err := range model.Run(ctx, docs) {
			if err != nil {
				yield(data.Chain{}, err)
				return
			}
			s.report.Add(a)
			s.tell(a)
			for _, c := range a.Chains {
				if !yield(c, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil { // an input that ended in the interrupt is not whole
			yield(data.Chain{}, err)
		}
	}
}

// tell shows progress, and fresh pairs where they are wanted.
func (s *synthesize) tell(a synth.Augmented) {
	for _, t := range a.Texts {
		for _, p := range t.Parsed.Pairs {
			if s.show > 0 {
				s.show--
				pair, err := json.Marshal(p)
				if err == nil {
					s.line.Println(string(pair))
				}
			}
		}
	}
	seconds := time.Since(s.began).Seconds()
	r := &s.report
	s.line.Update(int64(r.Texts), max(s.total, int64(r.Texts)), progress.F("pairs", r.Pairs), progress.F("tokens/s in", progress.Count(float64(r.TokensIn)/seconds)),
		progress.F("out", progress.Count(float64(r.TokensOut)/seconds)), progress.F("parsed", progress.Percent(r.ParsedShare())))
}

func writeChains(w io.Writer, chains iter.Seq2[data.Chain, error]) error {
	out, err := data.NewWriter(w, "stdout.jsonl")
	if err != nil {
		return err
	}
	for c, err := range chains {
		if err == nil {
			err = out.Write(c)
		}
		if err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return out.Close()
}
