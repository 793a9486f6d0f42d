package speed

import (
	"fmt"
	"time"
)

// Race has sides take turns.
type Race struct {
	Shape  *Shape
	Rounds int
	Pause  time.Duration // between turns, for threads of a library that spin behind their work to go to sleep
	Log    func(format string, args ...any)

	ours, theirs []*Worker
}

// Ours and Theirs add a side. It is ready when they return.
func (r *Race) Ours(w *Worker)   { r.ours = append(r.ours, w) }
func (r *Race) Theirs(w *Worker) { r.theirs = append(r.theirs, w) }

// Run has every side warm up by warm units of work and then do count of them in each of its turns.
func (r *Race) Run(work string, warm, count int) ([]*Measured, error) {
	sides := append(append([]*Worker{}, r.ours...), r.theirs...)
	out := make([]*Measured, len(sides))
	var logits [][]float64
	for i, w := range sides {
		out[i] = &Measured{Side: w.Name, Ours: i < len(r.ours), Work: work, Is: w.Ready.Side, Settings: w.Ready.Settings, Tokens: r.tokens(work)}
		took, err := w.Turn(Turn{Work: work, Count: warm})
		if err != nil {
			return nil, err
		}
		out[i].Losses = took.Losses
		logits = append(logits, took.Logits)
		r.Log("%s %s: warm after %.2f s", w.Name, work, took.Seconds)
	}
	if err := agree(out, logits); err != nil {
		return nil, err
	}
	for round := range r.Rounds {
		for _, i := range turnOrder(len(r.ours), len(r.theirs)) {
			time.Sleep(r.Pause)
			took, err := sides[i].Turn(Turn{Work: work, Count: count})
			if err != nil {
				return nil, fmt.Errorf("round %d: %w", round+1, err)
			}
			m := out[i]
			m.Seconds, m.Losses = append(m.Seconds, took.Seconds...), append(m.Losses, took.Losses...)
			m.CPU += took.CPU
			m.Peak, m.Base = max(m.Peak, took.Peak), took.Base
			r.Log("round %d: %s %s: %.3f s", round+1, m.Side, work, took.Seconds)
		}
	}
	return out, nil
}

// tokens of one unit of work.
func (r *Race) tokens(work string) int {
	switch work {
	case WorkTrain:
		return r.Shape.BatchTokens()
	case WorkPrefill:
		return r.Shape.T
	case WorkDecode:
		return r.Shape.New
	case WorkBatched:
		return r.Shape.New * r.Shape.Seqs
	}
	panic("speed: no work is called " + work)
}

// What bf16 may change: half a unit of its last place, 1/512, grown by layers and steps.
const (
	lossTolerance  = 0.01
	logitTolerance = 0.05
)

// agree compares every side with the first.
func agree(sides []*Measured, logits [][]float64) error {
	for i, m := range sides[1:] {
		if len(sides[0].Losses) > 0 {
			if err := agreeLosses(sides[0], m, lossTolerance); err != nil {
				return err
			}
		}
		if len(logits[0]) > 0 {
			if err := agreeLogits(logits[0], logits[i+1], logitTolerance); err != nil {
				return fmt.Errorf("%s and %s compute different things: %w", sides[0].Side, m.Side, err)
			}
		}
	}
	return nil
}

// Close ends the sides; the first failure is returned.
func (r *Race) Close() error {
	var first error
	for _, w := range append(r.ours, r.theirs...) {
		if err := w.Close(); err != nil && first == nil {
			first = err
		}
	}
	r.ours, r.theirs = nil, nil
	return first
}
