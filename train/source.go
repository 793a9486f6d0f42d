package train

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
)

// Source gives the batches of one step after another. What it gives is a function of how it was made and of its position,
// so that a run that goes on from a saved position sees what it would have seen. One goroutine uses it at a time.
type Source interface {
	// Step returns the micro-batches of the next step, about batchTokens tokens in all and at most microTokens each; io.EOF
	// when nothing is left.
	Step(batchTokens, microTokens int64) ([]*data.Batch, error)
	// State is the position behind what Step returned last, as JSON; Restore goes there.
	State() (json.RawMessage, error)
	Restore(json.RawMessage) error
	// Manifest tells what has been taken, for people and for the record of the run; it marshals to JSON.
	Manifest() any
}

// Packed reads a mixture as rows of fixed length (mix.Stream.Next): pre-training.
func Packed(m *mix.Mixture) Source { return &mixSource{mixture: m, stream: m.Stream()} }

// Ragged reads a mixture as whole units, each a document of its own (mix.Stream.NextRagged): tuning.
func Ragged(m *mix.Mixture) Source { return &mixSource{mixture: m, stream: m.Stream(), ragged: true} }

type mixSource struct {
	mixture *mix.Mixture
	stream  *mix.Stream
	ragged  bool
}

func (s *mixSource) Step(batchTokens, microTokens int64) ([]*data.Batch, error) {
	var out []*data.Batch
	length := int64(s.mixture.Options().Length)
	for left := batchTokens; left > 0; {
		micro := min(left, microTokens)
		var b *data.Batch
		var err error
		if s.ragged {
			b, err = s.stream.NextRagged(int(micro))
			left -= micro
		} else {
			rows := max(1, micro/length)
			b, err = s.stream.Next(int(rows))
			left -= rows * length
		}
		if err == io.EOF && len(out) > 0 {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func (s *mixSource) State() (json.RawMessage, error) { return json.Marshal(s.stream.State()) }

func (s *mixSource) Restore(raw json.RawMessage) error {
	var st mix.State
	if err := json.Unmarshal(raw, &st); err != nil {
		return fmt.Errorf("position in the data: %w", err)
	}
	stream, err := s.mixture.Resume(st)
	if err != nil {
		return fmt.Errorf("position in the data: %w", err)
	}
	s.stream = stream
	return nil
}

func (s *mixSource) Manifest() any { return s.stream.Manifest() }

// Stage is a source and the number of steps it serves; Steps 0 means until it ends.
type Stage struct {
	Source Source
	Steps  int64
}

// Stages runs sources one after another: a curriculum.
func Stages(stages ...Stage) Source { return &staged{stages: stages} }

type staged struct {
	stages []Stage
	at     int
	done   int64 // steps taken of the current stage
}

func (s *staged) Step(batchTokens, microTokens int64) ([]*data.Batch, error) {
	for s.at < len(s.stages) {
		st := s.stages[s.at]
		if st.Steps == 0 || s.done < st.Steps {
			out, err := st.Source.Step(batchTokens, microTokens)
			if err != io.EOF || s.at == len(s.stages)-1 {
				s.done++
				return out, err
			}
		}
		s.at, s.done = s.at+1, 0
	}
	return nil, io.EOF
}

type stagedState struct {
	Stage  int               `json:"stage"`
	Steps  int64             `json:"steps"`
	States []json.RawMessage `json:"sources"`
}

func (s *staged) State() (json.RawMessage, error) {
	st := stagedState{Stage: s.at, Steps: s.done}
	for i := range s.stages {
		raw, err := s.stages[i].Source.State()
		if err != nil {
			return nil, err
		}
		st.States = append(st.States, raw)
	}
	return json.Marshal(st)
}

func (s *staged) Restore(raw json.RawMessage) error {
	var st stagedState
	if err := json.Unmarshal(raw, &st); err != nil {
		return fmt.Errorf("position in the data: %w", err)
	}
	if len(st.States) != len(s.stages) || st.Stage < 0 || st.Stage > len(s.stages) {
		return fmt.Errorf("position in the data: saved with %d stages, the run has %d", len(st.States), len(s.stages))
	}
	for i := range s.stages {
		if err := s.stages[i].Source.Restore(st.States[i]); err != nil {
			return fmt.Errorf("stage %d: %w", i+1, err)
		}
	}
	s.at, s.done = st.Stage, st.Steps
	return nil
}

func (s *staged) Manifest() any {
	var out []any
	for i := range s.stages {
		out = append(out, s.stages[i].Source.Manifest())
	}
	return out
}
