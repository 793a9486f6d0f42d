package pipeline

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/train"
)

// tune trains the synthesizer from scratch: first on texts of one fact, until it copies, then on texts of every length, two
// examples a sequence, world and Go.
func (q *quickstart) tune(ctx context.Context, st *Stage) error {
	world, docs := q.world.Tuning(sample.Train), q.docs.Train
	q.tuning = append(append([]data.Example(nil), world...), docs...)
	warm, err := q.sequences(map[string][]data.Example{"warm": q.world.Tuning(sample.Warm)}, nil, 1)
	if err != nil {
		return err
	}
	full, err := q.sequences(map[string][]data.Example{"world": world, "go": docs}, map[string]float64{"world": 1 - q.TuneGo, "go": q.TuneGo}, q.Shots)
	if err != nil {
		return err
	}
	cfg := q.Tune
	cfg.Seed = q.Seed
	res, err := q.train(ctx, "synthesizer", cfg, train.Stages(train.Stage{Source: warm, Steps: q.WarmSteps}, train.Stage{Source: full}), nil)
	if err != nil {
		return err
	}
	st.Tokens, st.Note = res.Position.Tokens, fmt.Sprintf("%.2fM parameters, last loss %.3f", float64(res.Plan.Params)/1e6, res.Loss)
	return nil
}

// sequences makes a ragged source of few-shot tuning sequences, each of one dataset, loss on the pairs alone.
func (q *quickstart) sequences(parts map[string][]data.Example, weights map[string]float64, shots int) (train.Source, error) {
	var list []mix.Part
	for _, name := range []string{"warm", "world", "go"} {
		var tokens [][]int32
		var masks [][]uint8
		for _, dataset := range bySource(parts[name]) {
			seqs, _, err := q.codec.Sequences(dataset, 0, synth.SequenceOptions{Window: int(q.Tune.SeqLen), MaxShots: shots, Seed: q.Seed})
			if err != nil {
				return nil, err
			}
			for _, s := range seqs {
				tokens, masks = append(tokens, s.Tokens), append(masks, s.Mask)
			}
		}
		if len(tokens) == 0 {
			continue
		}
		units, err := mix.NewUnits(tokens, masks)
		if err != nil {
			return nil, err
		}
		list = append(list, mix.Part{Name: name, Source: units, Weight: weights[name]})
	}
	m, err := mix.New(list, mix.Options{Seed: q.Seed, Length: int(q.Tune.SeqLen), Budget: 1 << 40, Separate: true, CutLong: true})
	if err != nil {
		return nil, err
	}
	return train.Ragged(m), nil
}

// bySource groups examples by dataset, in the order the datasets first appear.
func bySource(examples []data.Example) [][]data.Example {
	at := map[string]int{}
	var out [][]data.Example
	for _, ex := range examples {
		i, ok := at[ex.Source]
		if !ok {
			i = len(out)
			at[ex.Source] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], ex)
	}
	return out
}

// train makes one run of the quickstart's model, from fresh weights.
func (q *quickstart) train(ctx context.Context, name string, cfg train.Config, src train.Source, observe func(train.StepRecord) error) (train.Result, error) {
	config := q.Settings.Model
	job := &train.Job{Config: cfg, Model: &config, Init: func(m *model.Trainer) error { return m.Initialize(cfg.Seed) }, Source: src,
		Backend: q.backend, Dir: filepath.Join(q.Out, name), Tokenizer: q.tok.JSON(), Log: q.Log, PeakFLOPs: q.peak, Observe: observe,
		Data: map[string]string{"sample": fmt.Sprintf("quickstart, seed %d, %s", q.Seed, q.docs.Version)}}
	return job.Run(ctx)
}
