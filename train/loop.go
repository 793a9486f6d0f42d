package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/model"
)

// StepRecord is what is known of one finished step.
type StepRecord struct {
	Step       int64   `json:"step"`
	Loss       float64 `json:"loss"`        // mean over the tokens with a loss, natural logarithm
	Tokens     int64   `json:"tokens"`      // seen since the run began, this step included
	Seconds    float64 `json:"seconds"`     // since the step before was known, waiting for data included
	Rate       float64 `json:"rate"`        // learning rate
	GradNorm   float64 `json:"grad_norm"`   // before clipping
	LossTokens int64   `json:"loss_tokens"` // of this step
}

// Position is where a run stands behind a step: all that is needed, beside weights and moments, to go on.
type Position struct {
	Step   int64           `json:"step"`
	Tokens int64           `json:"tokens"`
	Data   json.RawMessage `json:"data"` // Source.State
	Taken  any             `json:"taken,omitempty"`
}

// Hooks are called by Loop between steps, in this order. Each may be nil; an error ends the run. Weights and moments are those
// of the step when they are called; gradients and loss on the device may already be the next step's.
type Hooks struct {
	Step func(StepRecord) error
	// Save is called when a checkpoint is due: every Config.SaveEvery steps, at the end, when the run is interrupted, and when it has
	// no more data.
	Save func(Position) error
}

// Loop trains from behind a position to Config.Steps, on a model that holds the weights and moments of that position. It
// is the whole of training but for files: Run adds those. When ctx is done the step under way is finished and saved, and
// ErrInterrupted returned.
//
// The device always has work: the gradients of a step are issued before the outcome of the step before is waited for, and its
// update, which alone changes weights and moments, after. So hooks see the state of their step, nothing has to be taken back,
// and an update that was not finite, which writes nothing on the device, is followed by none.
func Loop(ctx context.Context, cfg Config, m *model.Trainer, src Source, from Position, hooks Hooks) (Position, error) {
	if from.Data != nil {
		if err := src.Restore(from.Data); err != nil {
			return from, err
		}
	}
	if from.Step >= cfg.Steps {
		return from, nil
	}
	l := &loop{cfg: cfg, stepper: newStepper(cfg, m), hooks: hooks, at: from, saved: from.Step, began: time.Now()}
	l.batches = prefetch(src, cfg.BatchTokens, cfg.MicroTokens)
	defer l.batches.stop()
	err := l.run(ctx)
	return l.at, err
}

// loop is a run of Loop.
type loop struct {
	cfg     Config
	stepper *stepper
	batches *prefetcher
	hooks   Hooks
	at      Position  // behind the last step whose outcome is known
	saved   int64     // the last step that needs no saving
	began   time.Time // when that was known
}

// underway is a step that is issued.
type underway struct {
	stepData
	step int64
}

func (l *loop) run(ctx context.Context) error {
	now, err := l.begin(context.WithoutCancel(ctx), l.at.Step+1) // one step is made even when ctx is done already
	if err != nil {
		return err
	}
	for {
		l.stepper.update(now.step)
		next, problem := l.begin(ctx, now.step+1) // a problem of the next step counts when this one is through
		if err := l.finish(ctx, now); err != nil {
			return err
		}
		if problem != nil {
			return l.giveUp(problem)
		}
		if next == nil {
			return nil
		}
		now = next
	}
}

// begin waits for a step's data and issues its gradients. It returns nil behind the last step, and where ctx is done.
func (l *loop) begin(ctx context.Context, step int64) (*underway, error) {
	if step > l.cfg.Steps {
		return nil, nil
	}
	next, ok := l.batches.next(ctx)
	switch {
	case !ok:
		return nil, nil
	case errors.Is(next.err, io.EOF):
		return nil, fmt.Errorf("%w at step %d of %d: add data, repeats, or lower --steps", ErrDataEnded, step-1, l.cfg.Steps)
	case next.err != nil:
		return nil, next.err
	}
	if err := l.stepper.gradients(step, next.batches); err != nil {
		return nil, err
	}
	return &underway{next, step}, nil
}

// finish waits for the outcome of a step whose update is issued, and tells and saves it.
func (l *loop) finish(ctx context.Context, s *underway) error {
	out, err := l.stepper.model.Outcome()
	if err != nil {
		return fmt.Errorf("step %d: %w", s.step, err)
	}
	tokens, lossTokens := count(s.batches)
	loss := out.LossSum / float64(lossTokens)
	if !out.Finite {
		return fmt.Errorf("step %d: %s is %w; nothing was written, the last checkpoint stands", s.step, l.stepper.culprit(s.step, s.batches, loss), ErrNotFinite)
	}
	l.at = Position{Step: s.step, Tokens: l.at.Tokens + tokens, Data: s.state, Taken: s.seen}
	began := l.began
	l.began = time.Now()
	if l.hooks.Step != nil {
		if err := l.hooks.Step(StepRecord{Step: s.step, Loss: loss, Tokens: l.at.Tokens, Seconds: l.began.Sub(began).Seconds(),
			Rate: l.cfg.RateAt(s.step), GradNorm: out.GradNorm, LossTokens: lossTokens}); err != nil {
			return err
		}
	}
	return l.maybeSave(ctx)
}

// maybeSave saves where a checkpoint is due and ends an interrupted run.
func (l *loop) maybeSave(ctx context.Context) error {
	step, last := l.at.Step, l.cfg.Steps
	interrupted := ctx.Err() != nil && step < last
	due := interrupted || step == last || (l.cfg.SaveEvery > 0 && step%l.cfg.SaveEvery == 0)
	if due && l.hooks.Save != nil {
		if err := l.hooks.Save(l.at); err != nil {
			return err
		}
		l.saved = step
	}
	if interrupted {
		return fmt.Errorf("%w at step %d of %d", ErrInterrupted, step, last)
	}
	return nil
}

// giveUp ends a run whose next data cannot be had: what was trained is saved first, so that it goes on from here once the data is
// mended.
func (l *loop) giveUp(problem error) error {
	if l.hooks.Save == nil || l.saved == l.at.Step {
		return problem
	}
	if err := l.hooks.Save(l.at); err != nil {
		return errors.Join(problem, err)
	}
	return fmt.Errorf("%w (step %d is saved)", problem, l.at.Step)
}

func count(batches []*data.Batch) (tokens, lossTokens int64) {
	for _, b := range batches {
		tokens += int64(len(b.Tokens))
		lossTokens += b.LossTokens
	}
	return tokens, lossTokens
}
