package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/train/events"
)

// Step is a line of metrics.jsonl.
type Step struct {
	Step    int64   // from 1
	Loss    float64 // mean over the step's loss tokens, in nats
	Tokens  int64   // of this step
	Seconds float64 // of this step
	Extra   []Value // in the order of the line
}

// Value is one more number of a step.
type Value struct {
	Name  string
	Value float64
}

// MarshalJSON writes the fields in a fixed order and floats so that they read back to the same bits.
func (s Step) MarshalJSON() ([]byte, error) {
	b := fmt.Appendf(nil, `{"step":%d,"loss":`, s.Step)
	b, err := appendNumber(b, "loss", s.Loss)
	if err != nil {
		return nil, err
	}
	b = fmt.Appendf(b, `,"tokens":%d,"seconds":`, s.Tokens)
	if b, err = appendNumber(b, "seconds", s.Seconds); err != nil {
		return nil, err
	}
	for _, v := range s.Extra {
		name, err := json.Marshal(v.Name)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, ','), name...), ':')
		if b, err = appendNumber(b, v.Name, v.Value); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendNumber(b []byte, name string, x float64) ([]byte, error) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil, fmt.Errorf("%s is %v, which a line of metrics cannot hold", name, x)
	}
	text, err := json.Marshal(x)
	return append(b, text...), err
}

// Begin starts a new run (step 0) or goes on after the checkpoint of a step: the lines and curves of later steps are cut, so that
// each step stands once; later checkpoints, which LoadNewest passed over, are renamed to step-N.damaged; the status is Running.
func (r *Run) Begin(step int64) (err error) {
	if err := r.setAsideAfter(step); err != nil {
		return err
	}
	if r.metrics, err = durable.OpenLog(r.fsys, r.path(metricsName)); err != nil {
		return err
	}
	err = r.metrics.Rewind(func(line []byte) bool {
		var record struct{ Step int64 }
		// The log has only whole JSON; a record without a step stays.
		return json.Unmarshal(line, &record) != nil || record.Step <= step
	})
	if err == nil {
		r.events, err = events.Create(r.fsys, r.path(eventsName), step+1, events.Options{})
	}
	if err == nil {
		err = r.SetStatus(Status{State: Running, Step: step})
	}
	if err != nil {
		err = errors.Join(err, r.metrics.Close())
		r.metrics = nil
		return err
	}
	r.step = step
	return nil
}

// LogStep adds the line of the next step, and its point to the curves. The line is durable with the next checkpoint.
func (r *Run) LogStep(s Step) error {
	if s.Step != r.step+1 {
		panic("rundir: steps are logged in order, each once")
	}
	if err := r.metrics.Append(s); err != nil {
		return err
	}
	r.step = s.Step
	scalars := []events.Scalar{{Name: "train/loss", Value: float32(s.Loss)}, {Name: "train/seconds", Value: float32(s.Seconds)}}
	for _, v := range s.Extra {
		scalars = append(scalars, events.Scalar{Name: "train/" + v.Name, Value: float32(v.Value)})
	}
	if err := r.events.Scalars(s.Step, scalars...); err != nil {
		return err
	}
	return r.events.Flush()
}

// LogEvent adds a line that is no step's: {"step": the last one, "event": kind, …}. Its fields have other names, and not "loss".
func (r *Run) LogEvent(kind string, fields map[string]any) error {
	record := map[string]any{"step": r.step, "event": kind}
	for name, v := range fields {
		if _, taken := record[name]; taken || name == "loss" {
			panic("rundir: an event has a field step, event or loss")
		}
		record[name] = v
	}
	return r.metrics.Append(record)
}

// ReadMetrics visits the step lines of a run directory, also of one that a process works in.
func ReadMetrics(fsys durable.FS, dir string, visit func(Step) error) error {
	return durable.ReadLog(fsys, filepath.Join(dir, metricsName), func(line []byte) error {
		var s struct {
			Step, Tokens  int64
			Loss, Seconds *float64
		}
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		if s.Loss == nil || s.Seconds == nil {
			return nil
		}
		return visit(Step{Step: s.Step, Loss: *s.Loss, Tokens: s.Tokens, Seconds: *s.Seconds})
	})
}
