package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/synth/job"
)

// synthesize is a run over a corpus.
type synthesize struct {
	generation
	out        string
	show       int
	verify     string // the scores that are recorded
	shard      string // i/n, /n or nothing
	shardTexts int64
	plan       bool
	page       string // of the report, beside a file

	part, parts int // of the job
	line        *progress.Line
	total       int64 // documents of the input; 0: not known
	input       data.Report

	mu    sync.Mutex
	began time.Time // of the first chain of this start
	docs  int64     // begun
	stats job.Stats // of the output, and of its part that this start made
	fresh synth.Report
}

// Synthesize is the command that adds pairs to texts.
func Synthesize(stdio IO) *cobra.Command {
	s := &synthesize{generation: generation{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "synthesize",
		Short: "Add instruction–response pairs to raw texts",
		Long: "Synthesize reads texts and writes chains: JSON lines of examples, each a text with its pairs, in the order of the texts.\n\n" +
			"--out FOLDER is for corpora: shards of chains, each written whole, a manifest, and a report (report.json, report.html). The\n" +
			"same command goes on with what an interrupted or killed one left, skips what is done and repairs what is damaged. Any number\n" +
			"of processes, on any machines that share the folder, may each do a part (--shard i/n; a Slurm array needs no flag). Other\n" +
			"commands read the folder once it is whole. --out FILE is for small inputs: written whole or not at all.\n\n" +
			"Scores are recorded with every pair (--verify) and drop none: corpus filter does, again and again, without a model.",
		Example: "  synthesize --model instruction-synthesizer --in corpus/ --out augmented --plan\n" +
			"  synthesize --model instruction-synthesizer --in corpus/ --out augmented\n" +
			"  sbatch --array=0-63 --wrap 'synthesize --model DIR --in corpus/ --out augmented --device cuda:0'\n" +
			"  synthesize --model DIR --in 'texts/*.parquet' --text-field body --rounds 3 --show 5 --out chains.jsonl\n" +
			"  echo 'A text.' | synthesize --model DIR --in - --text --out -",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.start(cmd.Context()) },
	}
	s.bind(cmd, "texts: files, globs, folders or -")
	f := cmd.Flags()
	f.StringVar(&s.out, "out", "", "`folder` to write; or a file: .jsonl, also .gz or .zst; -: standard output")
	f.StringVar(&s.verify, "verify", verifyModel, "scores recorded with every pair: "+names(verifyNames()))
	f.StringVar(&s.shard, "shard", "", "do part i of n (`i/n`, from 0); /n takes i from SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX")
	f.Int64Var(&s.shardTexts, "texts-per-shard", 1000, "documents of a shard of the output folder")
	f.BoolVar(&s.plan, "plan", false, "print memory and expected tokens; generate nothing")
	f.StringVar(&s.page, "report", "", "with --out FILE: write the report's page (`file`.html); a folder has one")
	f.IntVar(&s.show, "show", 0, "print that many fresh pairs on the way")
	f.BoolVar(&s.plainText, "text", false, "inputs are plain text, whatever their names: each file is one text")
	completes(cmd, "verify", verifyNames)
	return cmd
}

// What --verify takes.
const (
	verifyNone      = "none"
	verifyCheap     = "cheap"     // repetition and valid options: no model
	verifyModel     = "model"     // also log-probability, its gain from the text, length
	verifyAgreement = "agreement" // also a second answer for every pair
)

// secondTemperature makes second answers independent of greedy first ones (ours).
const secondTemperature = 0.7

func verifyNames() []string {
	return []string{verifyNone, verifyCheap, verifyModel, verifyAgreement}
}

func (s *synthesize) verification() ([]synth.Option, error) {
	switch s.verify {
	case verifyNone:
		return nil, nil
	case verifyCheap:
		return []synth.Option{synth.Verification(synth.VerifyOptions{Cheap: true})}, nil
	case verifyModel:
		return []synth.Option{synth.Verification(synth.VerifyOptions{})}, nil
	case verifyAgreement:
		return []synth.Option{synth.Verification(synth.VerifyOptions{Agreement: true, Temperature: secondTemperature})}, nil
	}
	return nil, usage("--verify %q; there are %s", s.verify, names(verifyNames()))
}

// start checks the flags and does what they ask for.
func (s *synthesize) start(ctx context.Context) (err error) {
	if s.out == "" && !s.plan {
		return usage("--out is missing: the folder, or the file (.jsonl, .jsonl.gz, .jsonl.zst), to write, or - for standard output")
	}
	if s.out == data.Stdin && s.json {
		return usage("--out - and --json would both write to standard output")
	}
	if s.shardTexts < 1 {
		return usage("--texts-per-shard %d: at least 1", s.shardTexts)
	}
	verify, err := s.verification()
	if err != nil {
		return err
	}
	if s.part, s.parts, err = partOf(s.shard, os.Getenv); err != nil {
		return err
	}
	if s.parts > 1 && s.isFile() {
		return usage("--out %s: several processes cannot share one file: give a folder, or --shard 0/1 where this one does it all", s.out)
	}
	if s.page != "" && !s.isFile() {
		return usage("--report %s: an output folder has its own, %s", s.page, job.ReportHTML)
	}
	if s.plan {
		return s.printPlan(ctx, verify)
	}
	return s.with(ctx, s.run, verify...)
}

// isFile tells a file to write from a folder by its name.
func (s *synthesize) isFile() bool {
	name := strings.TrimSuffix(strings.TrimSuffix(s.out, ".gz"), ".zst")
	return s.out == data.Stdin || strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(name, ".json")
}

func (s *synthesize) run(ctx context.Context, model *synth.Synthesizer) (err error) {
	s.line = progress.New(s.stdio.Err, "synthesize")
	if !s.isFile() {
		return s.runJob(ctx, model)
	}
	if s.total, err = s.count(ctx); err != nil {
		return err
	}
	chains := s.chains(ctx, model)
	if s.out == data.Stdin {
		err = writeChains(s.stdio.Out, chains)
	} else {
		_, err = data.WriteFile(durable.OS, s.out, chains)
	}
	s.line.Done()
	s.stdio.problems(&s.input)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: the pairs of %d texts are lost and %s was not written; the same command starts from the front (give --out a folder, and it goes on): %w",
			s.stats.Texts, s.out, ctx.Err())
	}
	if err == nil && s.page != "" {
		r := job.Report{Settings: job.Settings{Verify: s.verify, Reading: s.reading(), Model: s.model}.With(model.Options()), Documents: s.input.Records, Stats: s.stats}
		err = durable.WriteFile(durable.OS, s.page, r.WriteHTML)
	}
	if err != nil {
		return err
	}
	if s.out == data.Stdin {
		return s.stats.WriteText(s.stdio.Err)
	}
	return s.stdio.emit(s.json, &s.stats, func(w io.Writer) { s.stats.WriteText(w) })
}

// count reads the input once before the long work: for the time left, and to find what is wrong with it early. Standard input
// has no number (0).
func (s *synthesize) count(ctx context.Context) (total int64, err error) {
	for _, path := range s.in {
		if path == data.Stdin {
			return 0, nil
		}
	}
	var report data.Report
	for _, err := range data.Documents(s.in, s.options(s.stdio, &report)) {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return 0, err
		}
		total++
	}
	return total, nil
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
			s.tell(&a, false)
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

// tell shows progress, and fresh pairs where they are wanted. What an earlier start made counts, but not for the speed.
func (s *synthesize) tell(a *synth.Augmented, old bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Add(*a)
	for _, t := range a.Texts {
		if synth.FirstPiece(t.Document.ID) {
			s.docs++
		}
	}
	if !old {
		if s.began.IsZero() {
			s.began = time.Now()
		}
		s.fresh.Add(*a)
	}
	for _, t := range a.Texts {
		for _, p := range t.Parsed.Pairs {
			if s.show > 0 && !old {
				s.show--
				pair, err := json.Marshal(p)
				if err == nil {
					s.line.Println(string(pair))
				}
			}
		}
	}
	s.update()
}

// update shows where the run is, once there is something new: the time left follows from the pace of what is shown. The caller
// holds mu.
func (s *synthesize) update() {
	if s.began.IsZero() {
		return
	}
	r, fields := &s.stats, []progress.Field(nil)
	if seconds := time.Since(s.began).Seconds(); seconds > 0.01 {
		fields = []progress.Field{progress.F("tokens/s in", progress.Count(float64(s.fresh.TokensIn)/seconds)),
			progress.F("out", progress.Count(float64(s.fresh.TokensOut)/seconds)), progress.F("cached", progress.Percent(s.fresh.CachedShare()))}
	}
	fields = append([]progress.Field{progress.F("pairs", r.Pairs)}, fields...)
	s.line.Update(s.docs, max(s.total, s.docs), append(fields, progress.F("parsed", progress.Percent(r.ParsedShare())))...)
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
