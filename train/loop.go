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
	Seconds    float64 `json:"seconds"`     // of this step, waiting for data included
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

// Hooks are called by Loop between steps, in this order. Each may be nil; an error ends the run.
type Hooks struct {
	Step func(StepRecord) error
	// Save is called when a checkpoint is due: every Config.SaveEvery steps, at the end, and when the run is interrupted.
	Save func(Position) error
}

// Loop trains from behind a position to Config.Steps, on a model that holds the weights and moments of that position. It
// is the whole of training but for files: Run adds those. When ctx is done the step under way is finished and saved, and
// ErrInterrupted returned.
func Loop(ctx context.Context, cfg Config, m *model.Trainer, src Source, from Position, hooks Hooks) (Position, error) {
	if from.Data != nil {
		if err := src.Restore(from.Data); err != nil {
			return from, err
		}
	}
	if from.Step >= cfg.Steps {
		return from, nil
	}
	s := newStepper(cfg, m)
	batches := prefetch(src, cfg.BatchTokens, cfg.MicroTokens)
	defer batches.stop()
	at := from
	for at.Step < cfg.Steps {
		began := time.Now()
		next := batches.next()
		if errors.Is(next.err, io.EOF) {
			return at, fmt.Errorf("%w at step %d of %d: add data, repeats, or lower --steps", ErrDataEnded, at.Step, cfg.Steps)
		}
		if next.err != nil {
			return at, next.err
		}
		out, err := s.step(at.Step+1, next.batches)
		if err != nil {
			return at, err
		}
		if !out.finite {
			return at, fmt.Errorf("step %d: %s is %w; nothing was written, the last checkpoint stands", at.Step+1, s.culprit(out), ErrNotFinite)
		}
		tokens, lossTokens := count(next.batches)
		at = Position{Step: at.Step + 1, Tokens: at.Tokens + tokens, Data: next.state, Taken: next.seen}
		if hooks.Step != nil {
			if err := hooks.Step(StepRecord{Step: at.Step, Loss: out.loss, Tokens: at.Tokens, Seconds: time.Since(began).Seconds(),
				Rate: cfg.RateAt(at.Step), GradNorm: out.gradNorm, LossTokens: lossTokens}); err != nil {
				return at, err
			}
		}
		if err := s.maybeSave(ctx, at, hooks); err != nil {
			return at, err
		}
	}
	return at, nil
}

// maybeSave saves where a checkpoint is due and ends an interrupted run.
func (s *stepper) maybeSave(ctx context.Context, at Position, hooks Hooks) error {
	interrupted := ctx.Err() != nil && at.Step < s.cfg.Steps
	due := interrupted || at.Step == s.cfg.Steps || (s.cfg.SaveEvery > 0 && at.Step%s.cfg.SaveEvery == 0)
	if due && hooks.Save != nil {
		if err := hooks.Save(at); err != nil {
			return err
		}
	}
	if interrupted {
		return fmt.Errorf("%w at step %d of %d", ErrInterrupted, at.Step, s.cfg.Steps)
	}
	return nil
}

func count(batches []*data.Batch) (tokens, lossTokens int64) {
	for _, b := range batches {
		tokens += int64(len(b.Tokens))
		lossTokens += b.LossTokens
	}
	return tokens, lossTokens
}
