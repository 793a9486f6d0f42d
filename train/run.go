package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/train/rundir"
)

// Job is a run to be made, or to be gone on with.
type Job struct {
	Config    Config
	Model     *model.Config
	Init      func(*model.Trainer) error // fresh weights, or a folder's
	Source    Source
	MaxDocs   int64 // documents of a micro-batch at most; 0: one a token
	MaxLen    int64 // tokens of a document at most; 0: Config.SeqLen
	Backend   kernels.Backend
	Dir       string     // the run directory
	FS        durable.FS // nil: the machine's
	Fresh     bool       // an old run in Dir is moved aside
	Tokenizer []byte     // tokenizer.json, copied into checkpoints
	// Data describes the data in the resolved configuration, one value a name: a run goes on only with the same.
	Data map[string]string
	// Log receives progress; nil: nothing is printed. PeakFLOPs, where known, turns tokens/s into a share of it.
	Log       io.Writer
	PeakFLOPs float64
	// Observe is called after every step; an error ends the run.
	Observe func(StepRecord) error
}

// Result is a finished run.
type Result struct {
	Position
	Resumed    int64   // the step it went on from; 0: from the start
	Seconds    float64 // of this process
	Tokens     int64   // trained by this process
	Loss       float64 // of the last step; NaN when there was nothing to do
	Checkpoint string  // the folder of the newest checkpoint
	Nothing    bool    // the run had finished before
	Plan       *model.Plan
}

// mayDiffer are the fields that do not change what a run computes.
var mayDiffer = []string{"train.save_every", "train.keep"}

// Open allocates the model of a job. It fails with ErrMisfit when it does not fit.
func (j *Job) open() (*model.Trainer, error) {
	m, err := model.OpenTrainer(j.Backend, j.Model, j.Options())
	if errors.Is(err, kernels.ErrOutOfMemory) {
		return nil, fmt.Errorf("%w: %w: lower --micro-tokens, or set --recompute layer", ErrMisfit, err)
	}
	return m, err
}

// Options are the sizes that the job's model is opened with.
func (j *Job) Options() model.Options {
	o := model.Options{Tokens: j.Config.MicroTokens, Docs: j.MaxDocs, MaxLen: j.MaxLen, Math: kernels.F32, Dropout: float32(j.Config.Dropout),
		Moments: kernels.F32}
	if o.MaxLen == 0 {
		o.MaxLen = j.Config.SeqLen
	}
	if j.Config.Math == MathBF16 {
		o.Math, o.Stream = kernels.BF16, kernels.F32
	}
	o.Recompute, _ = model.ParseRecompute(j.Config.Recompute) // Validate has read it
	return o
}

// Run makes the run, or goes on with the one in Dir from its newest checkpoint that is whole.
func (j *Job) Run(ctx context.Context) (res Result, err error) {
	if err := errors.Join(j.Config.Validate(), j.Model.Validate()); err != nil {
		return res, err
	}
	resolved, err := j.resolved()
	if err != nil {
		return res, err
	}
	m, err := j.open() // before the directory: what does not fit leaves no trace there
	if err != nil {
		return res, err
	}
	defer m.Close()
	res.Plan = m.Plan()
	dir, err := rundir.Open(j.Dir, resolved, rundir.Options{FS: j.FS, Fresh: j.Fresh, MayDiffer: mayDiffer, Keep: int(j.Config.Keep)})
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if dir.MovedTo != "" {
		j.printf("the run that was here now lies in %s", dir.MovedTo)
	}
	if res.Position, err = j.begin(dir, m); err != nil {
		return res, err
	}
	res.Resumed, res.Loss = res.Step, math.NaN()
	if res.Step >= j.Config.Steps {
		res.Nothing, res.Checkpoint = true, newest(dir)
		return res, dir.SetStatus(rundir.Status{State: rundir.Finished, Step: res.Step})
	}
	err = j.train(ctx, dir, m, &res)
	return res, errors.Join(err, dir.SetStatus(statusOf(err, res.Step)))
}

// begin fills the model from the newest checkpoint, or afresh.
func (j *Job) begin(dir *rundir.Run, m *model.Trainer) (at Position, err error) {
	var moved string
	loaded, err := dir.LoadNewest(func(c rundir.Checkpoint) error {
		at, moved, err = restore(c.Dir, m, j.Config)
		return err
	})
	for _, s := range loaded.Skipped {
		j.printf("checkpoint of step %d is damaged and was passed over: %v", s.Step, s.Err)
	}
	if err != nil {
		return at, err
	}
	if loaded.Step == 0 {
		at = Position{}
		if err := j.Init(m); err != nil {
			return at, err
		}
	} else if at.Step != loaded.Step {
		return at, fmt.Errorf("%w: the folder of step %d says it is step %d", ErrCheckpoint, loaded.Step, at.Step)
	} else if at.Step < j.Config.Steps {
		j.printf("going on from step %d of %d", at.Step, j.Config.Steps)
		if moved != "" {
			j.printf("it was computed on %s: on %s the losses will differ in their last digits", moved, j.Backend.Name())
		}
	}
	return at, dir.Begin(at.Step)
}

// train runs the loop with the run directory's hooks.
func (j *Job) train(ctx context.Context, dir *rundir.Run, m *model.Trainer, res *Result) error {
	began, from := time.Now(), res.Position
	line := progress.New(j.log(), "train")
	defer line.Done()
	last := from.Tokens
	hooks := Hooks{
		Step: func(r StepRecord) error {
			res.Loss = r.Loss
			if err := dir.LogStep(rundir.Step{Step: r.Step, Loss: r.Loss, Tokens: r.Tokens - last, Seconds: r.Seconds,
				Extra: []rundir.Value{{Name: "rate", Value: r.Rate}, {Name: "grad_norm", Value: r.GradNorm}, {Name: "loss_tokens", Value: float64(r.LossTokens)}}}); err != nil {
				return err
			}
			last = r.Tokens
			speed := float64(r.Tokens-from.Tokens) / time.Since(began).Seconds()
			line.Update(r.Step, j.Config.Steps, j.fields(r, speed, res.Plan)...)
			if j.Observe != nil {
				return j.Observe(r)
			}
			return nil
		},
		Save: func(at Position) error {
			err := dir.SaveCheckpoint(at.Step, func(d *durable.Dir) error { return save(d, m, j.Config, j.Tokenizer, at) })
			if err != nil || at.Taken == nil {
				return err
			}
			return dir.SetTaken(rundir.Taken{Step: at.Step, Tokens: at.Tokens, Data: at.Taken})
		},
	}
	at, err := Loop(ctx, j.Config, m, j.Source, from, hooks)
	res.Position, res.Tokens, res.Seconds = at, at.Tokens-from.Tokens, time.Since(began).Seconds()
	res.Checkpoint = newest(dir)
	if errors.Is(err, ErrInterrupted) {
		line.Println(fmt.Sprintf("interrupted: step %d is saved; the same command goes on", at.Step))
	}
	return err
}

func (j *Job) fields(r StepRecord, speed float64, plan *model.Plan) []progress.Field {
	out := []progress.Field{progress.F("loss", fmt.Sprintf("%.4f", r.Loss)), progress.F("rate", fmt.Sprintf("%.3g", r.Rate)),
		progress.F("tokens/s", progress.Count(speed))}
	if j.PeakFLOPs > 0 {
		out = append(out, progress.F("of GEMM peak", progress.Percent(speed*plan.PerToken/j.PeakFLOPs)))
	}
	return out
}

func (j *Job) log() io.Writer {
	if j.Log == nil {
		return io.Discard
	}
	return j.Log
}

func (j *Job) printf(format string, args ...any) { fmt.Fprintf(j.log(), format+"\n", args...) }

// newest is the folder of the newest checkpoint; "" where there is none.
func newest(dir *rundir.Run) string {
	found, err := rundir.Checkpoints(dir.FS(), dir.Dir())
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0].Dir
}

func statusOf(err error, step int64) rundir.Status {
	switch {
	case err == nil:
		return rundir.Status{State: rundir.Finished, Step: step}
	case errors.Is(err, ErrInterrupted):
		return rundir.Status{State: rundir.Interrupted, Step: step, Reason: err.Error(), ExitCode: 75}
	}
	return rundir.Status{State: rundir.Failed, Step: step, Reason: err.Error(), ExitCode: 1}
}
