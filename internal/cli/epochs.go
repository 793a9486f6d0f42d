package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/train"
)

// epochs is a train.Source over tuning sequences. Each epoch's sequences are made when it begins and held alone, so memory does not
// grow with their number; it never ends, since the run's steps say how long to train.
type epochs struct {
	sets  map[string][]data.Example // by dataset
	codec *synth.Codec
	opt   synth.SequenceOptions

	epoch   int
	report  synth.SequenceReport
	mixture *mix.Mixture
	source  train.Source
}

// enter makes the sequences of an epoch: of every dataset in order of name, shuffled together.
func (e *epochs) enter(epoch int) error {
	var tokens [][]int32
	var masks [][]uint8
	e.report = synth.SequenceReport{}
	for _, name := range slices.Sorted(maps.Keys(e.sets)) {
		seqs, report, err := e.codec.Sequences(e.sets[name], epoch, e.opt)
		if err != nil {
			return fmt.Errorf("dataset %q: %w", name, err)
		}
		for _, s := range seqs {
			tokens, masks = append(tokens, s.Tokens), append(masks, s.Mask)
		}
		e.report.Examples += report.Examples
		e.report.PairsCut += report.PairsCut
		e.report.ExamplesLost += report.ExamplesLost
	}
	if len(tokens) == 0 {
		return fmt.Errorf("%w: none of the examples, with a pair, fits a window of %d tokens", data.ErrEmpty, e.opt.Window)
	}
	units, err := mix.NewUnits(tokens, masks)
	if err != nil {
		return err
	}
	e.mixture, err = mix.New([]mix.Part{{Name: "sequences", Source: units}},
		mix.Options{Seed: e.opt.Seed + uint64(epoch), Length: e.opt.Window, Separate: true})
	if err != nil {
		return err
	}
	e.epoch, e.source = epoch, train.Ragged(e.mixture)
	return nil
}

// Step implements train.Source.
func (e *epochs) Step(batchTokens, microTokens int64) ([]*data.Batch, error) {
	out, err := e.source.Step(batchTokens, microTokens)
	if !errors.Is(err, io.EOF) {
		return out, err
	}
	if err := e.enter(e.epoch + 1); err != nil {
		return nil, err
	}
	return e.source.Step(batchTokens, microTokens)
}

// epochState is a position.
type epochState struct {
	Epoch int             `json:"epoch"`
	Data  json.RawMessage `json:"data"`
}

// State implements train.Source.
func (e *epochs) State() (json.RawMessage, error) {
	within, err := e.source.State()
	if err != nil {
		return nil, err
	}
	return json.Marshal(epochState{e.epoch, within})
}

// Restore implements train.Source.
func (e *epochs) Restore(raw json.RawMessage) error {
	var st epochState
	if err := json.Unmarshal(raw, &st); err != nil {
		return fmt.Errorf("position in the examples: %w", err)
	}
	if st.Epoch != e.epoch {
		if err := e.enter(st.Epoch); err != nil {
			return err
		}
	}
	return e.source.Restore(st.Data)
}

// Manifest implements train.Source.
func (e *epochs) Manifest() any {
	return struct {
		Epoch int                  `json:"epoch"`
		Used  synth.SequenceReport `json:"used"`
		Taken any                  `json:"taken"`
	}{e.epoch, e.report, e.source.Manifest()}
}

// tell says what the first epoch is made of.
func (e *epochs) tell(stdio IO) {
	stdio.note("an epoch: %d examples of %d datasets; %d examples and %d last pairs left out, longer than the window of %d tokens",
		e.report.Examples, len(e.sets), e.report.ExamplesLost, e.report.PairsCut, e.opt.Window)
}

// fingerprint tells sets of sequences apart, for the record of a run.
func (e *epochs) fingerprint() string {
	h := fnv.New64a()
	for _, name := range slices.Sorted(maps.Keys(e.sets)) {
		fmt.Fprintf(h, "%q %d\n", name, len(e.sets[name]))
		for i := range e.sets[name] {
			line, err := e.sets[name][i].AppendJSON(nil)
			if err != nil {
				line = []byte(err.Error())
			}
			h.Write(line)
		}
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
