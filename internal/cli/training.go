package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/tokenizer"
	"github.com/primer-lm/primer/train"
)

// training is what pretrain and tune share: settings, where the run lives, and the model it starts from.
type training struct {
	stdio IO
	settings
	out, device, tokenizer string
	in                     []string
	fresh, plan, json      bool

	// From open on.
	cfg     train.Config
	arch    *model.Config
	tok     *tokenizer.Tokenizer
	backend kernels.Backend
	folder  *hf.Folder // nil: fresh weights
	opened  []func() error
}

func (t *training) bind(cmd *cobra.Command, defaultRecipe, defaultOut, inputs string) {
	t.settings.bind(cmd, defaultRecipe)
	f := cmd.Flags()
	f.StringSliceVar(&t.in, "in", nil, inputs)
	f.StringVar(&t.out, "out", "", "run `directory` (default "+defaultOut+")")
	f.StringVar(&t.tokenizer, "tokenizer", "", "tokenizer.json, or a folder that has one")
	f.BoolVar(&t.fresh, "fresh", false, "start anew; a run that is in the way is moved aside")
	f.BoolVar(&t.plan, "plan", false, "print parameters, memory, FLOPs and steps; allocate and train nothing")
	f.BoolVar(&t.json, "json", false, "print the result as JSON")
	deviceFlag(cmd, &t.device)
}

// open opens everything but data and memory: device, model folder, tokenizer.
func (t *training) open(defaultRecipe string) (err error) {
	if t.cfg, t.arch, err = t.resolve(defaultRecipe); err != nil {
		return err
	}
	if t.backend, err = openDevice(t.device); err != nil {
		return err
	}
	t.opened = append(t.opened, t.backend.Close)
	if t.model == "" {
		return nil
	}
	if t.folder, err = hf.OpenFolder(t.model); err != nil {
		return err
	}
	t.arch = t.folder.Config
	t.opened = append(t.opened, t.folder.Close)
	if t.tokenizer == "" {
		t.tokenizer = t.model
	}
	return nil
}

// close closes what was opened, the last first.
func (t *training) close() error {
	var err error
	for i := len(t.opened) - 1; i >= 0; i-- {
		err = errors.Join(err, t.opened[i]())
	}
	t.opened = nil
	return err
}

// openTokenizer opens t.tokenizer, or takes fallback where none is named, and fits it to the model: a fresh model that leaves its
// vocabulary open gets the tokenizer's.
func (t *training) openTokenizer(fallback func() (*tokenizer.Tokenizer, error)) (err error) {
	name := t.tokenizer
	if name != "" {
		t.tok, err = tokenizer.Open(name)
	} else {
		name = "the sample's tokenizer"
		t.tok, err = fallback()
	}
	if err != nil {
		return err
	}
	t.opened = append(t.opened, t.tok.Close)
	if t.arch.VocabSize == 0 {
		t.arch.VocabSize = int64(t.tok.VocabSize())
	}
	if err := t.checkModel(); err != nil {
		return err
	}
	if err := hf.CheckVocabulary(t.arch, name, t.tok.VocabSize()); err != nil {
		return err
	}
	// A released folder may have rows to spare; a fresh model whose table is twice too large is a mistake.
	if t.folder == nil && t.arch.VocabSize >= 2*int64(t.tok.VocabSize()) {
		return fmt.Errorf("%w: %s has %d ids, recipe %s has a vocabulary of %d: give --tokenizer, or set vocab_size in [model] of --config",
			hf.ErrVocabulary, name, t.tok.VocabSize(), t.cfg.Recipe, t.arch.VocabSize)
	}
	return nil
}

// checkModel finds what settings and model say against each other, once the vocabulary is known.
func (t *training) checkModel() error {
	if t.folder == nil {
		if err := t.arch.Validate(); err != nil {
			return usage("[model]: %v", err)
		}
	}
	if t.cfg.SeqLen > t.arch.MaxPositions {
		return usage("seq_len is %d, but the model's max_position_embeddings is %d", t.cfg.SeqLen, t.arch.MaxPositions)
	}
	return nil
}

func (t *training) init(m *model.Trainer) error {
	if t.folder != nil {
		return errors.Join(m.Load(t.folder), t.folder.Check())
	}
	return m.Initialize(t.cfg.Seed)
}

// job is the run, but for its source.
func (t *training) job(src train.Source, dataNotes map[string]string) *train.Job {
	sum := sha256.Sum256(t.tok.JSON())
	dataNotes["tokenizer"] = hex.EncodeToString(sum[:])
	dataNotes["start"] = t.model
	return &train.Job{Config: t.cfg, Model: t.arch, Init: t.init, Source: src, Backend: t.backend, Dir: t.out, Fresh: t.fresh,
		Tokenizer: t.tok.JSON(), Data: dataNotes, Log: t.stdio.Err}
}

// run trains and prints what came of it.
func (t *training) run(ctx context.Context, job *train.Job) error {
	plan, err := t.newPlan(job)
	if err != nil {
		return err
	}
	if job.PeakFLOPs, err = gemmPeak(t.backend, t.cfg.Math, plan.PerToken*float64(t.cfg.Steps*t.cfg.BatchTokens)); err != nil {
		return err
	}
	t.stdio.note("%s: %s parameters, %d steps of %s tokens on %s (%s)", t.out, progress.Count(plan.Params), t.cfg.Steps,
		progress.Count(t.cfg.BatchTokens), t.device, t.cfg.Math)
	res, err := job.Run(ctx)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped before the first step: %w", err)
	}
	if err != nil {
		return err
	}
	return t.stdio.emit(t.json, t.report(&res), func(w io.Writer) { t.print(w, &res) })
}

// trained is the result of a training command as JSON.
type trained struct {
	Out        string   `json:"out"`
	Checkpoint string   `json:"checkpoint"`
	Steps      int64    `json:"steps"`
	Resumed    int64    `json:"resumed"` // the step it went on from
	Nothing    bool     `json:"nothing"` // the run had finished before
	Loss       *float64 `json:"loss"`    // of the last step; null when there was nothing to do
	Tokens     int64    `json:"tokens"`  // since the run began
	Seconds    float64  `json:"seconds"` // of this process
	PerSecond  *float64 `json:"tokens_per_second"`
}

func (t *training) report(r *train.Result) trained {
	return trained{Out: t.out, Checkpoint: r.Checkpoint, Steps: r.Step, Resumed: r.Resumed, Nothing: r.Nothing, Loss: number(r.Loss),
		Tokens: r.Position.Tokens, Seconds: r.Seconds, PerSecond: number(speed(r))}
}

func speed(r *train.Result) float64 {
	if r.Seconds == 0 {
		return math.NaN()
	}
	return float64(r.Tokens) / r.Seconds
}

func (t *training) print(w io.Writer, r *train.Result) {
	if r.Nothing {
		fmt.Fprintf(w, "nothing to do: all %d steps are done; the model is %s\n", r.Step, r.Checkpoint)
		return
	}
	fmt.Fprintf(w, "%d steps, loss %.4f, %s tokens/s; the model is %s\n", r.Step, r.Loss, progress.Count(speed(r)), r.Checkpoint)
}

// planned is what --plan prints.
type planned struct {
	Parameters  int64            `json:"parameters"`
	Bytes       map[string]int64 `json:"memory_bytes"`
	Total       int64            `json:"memory_bytes_total"`
	ForwardTok  float64          `json:"flops_per_token_forward"`
	TrainingTok float64          `json:"flops_per_token_training"`
	FLOPs       float64          `json:"flops_total"` // recomputation not counted
	Steps       int64            `json:"steps"`
	Tokens      int64            `json:"tokens"`
}

// newPlan plans a run. The architecture has been checked before: what is wrong now is a size that was asked for.
func (t *training) newPlan(job *train.Job) (*model.Plan, error) {
	plan, err := model.NewPlan(t.backend, t.arch, job.Options())
	if errors.Is(err, model.ErrConfig) {
		return nil, usage("%v", err)
	}
	return plan, err
}

// printPlan plans the run without allocating it.
func (t *training) printPlan() error {
	if err := t.checkModel(); err != nil {
		return err
	}
	job := train.Job{Config: t.cfg, Model: t.arch}
	p, err := t.newPlan(&job)
	if err != nil {
		return err
	}
	tokens := t.cfg.Steps * t.cfg.BatchTokens
	out := planned{Parameters: p.Params, Bytes: map[string]int64{}, Total: p.Total(), ForwardTok: p.Forward, TrainingTok: p.PerToken,
		FLOPs: p.PerToken * float64(tokens), Steps: t.cfg.Steps, Tokens: tokens}
	for k := range kernels.NumMemoryKinds {
		out.Bytes[k.String()] = p.Kind(k)
	}
	return t.stdio.emit(t.json, out, func(w io.Writer) {
		p.Print(w)
		fmt.Fprintf(w, "steps         %d of %d tokens, %s in all\n", t.cfg.Steps, t.cfg.BatchTokens, progress.Count(tokens))
		fmt.Fprintf(w, "FLOPs         %.4g\n", out.FLOPs)
	})
}
