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

// tune trains the synthesizer from scratch, along a curriculum: texts of one fact until it copies names, then short texts
// beside them, then texts of every length, several examples a sequence, world and Go.
func (q *quickstart) tune(ctx context.Context, st *Stage) error {
	one, short, world := q.world.Tuning(sample.Warm), q.world.Tuning(sample.Short), q.world.Tuning(sample.Train)
	q.tuning = append(append([]data.Example(nil), world...), q.docs.Train...)
	rest := 1 - q.TuneGo - q.TuneShort
	var stages []train.Stage
	for _, s := range []struct {
		steps int64
		sets  []tuneSet
	}{
		{q.WarmSteps, []tuneSet{{"one fact", one, 1, 1}}},
		{q.ShortSteps, []tuneSet{{"one fact", one, 1, 1. / 3}, {"short", short, 1, 2. / 3}}},
		{0, []tuneSet{{"short", short, q.Shots, q.TuneShort}, {"every length", world, q.Shots, rest}, {"go", q.docs.Train, q.Shots, q.TuneGo}}},
	} {
		src, err := q.sequences(s.sets)
		if err != nil {
			return err
		}
		stages = append(stages, train.Stage{Source: src, Steps: s.steps})
	}
	cfg := q.Tune
	cfg.Seed = q.Seed
	res, err := q.train(ctx, "synthesizer", cfg, train.Stages(stages...), nil)
	if err != nil {
		return err
	}
	st.Tokens, st.Note = res.Position.Tokens, fmt.Sprintf("%.2fM parameters, last loss %.3f", float64(res.Plan.Params)/1e6, res.Loss)
	return nil
}

// tuneSet is a share of the tokens of a stage.
type tuneSet struct {
	name     string
	examples []data.Example
	shots    int // examples of a sequence
	share    float64
}

// sequences makes a ragged source of few-shot tuning sequences, each of one dataset, loss on the pairs alone.
func (q *quickstart) sequences(sets []tuneSet) (train.Source, error) {
	var parts []mix.Part
	for _, set := range sets {
		var tokens [][]int32
		var masks [][]uint8
		for _, dataset := range bySource(set.examples) {
			seqs, _, err := q.codec.Sequences(dataset, 0, synth.SequenceOptions{Window: int(q.Tune.SeqLen), MaxShots: set.shots, Seed: q.Seed})
			if err != nil {
				return nil, err
			}
			for _, s := range seqs {
				tokens, masks = append(tokens, s.Tokens), append(masks, s.Mask)
			}
		}
		units, err := mix.NewUnits(tokens, masks)
		if err != nil {
			return nil, err
		}
		parts = append(parts, mix.Part{Name: set.name, Source: units, Weight: set.share})
	}
	m, err := mix.New(parts, mix.Options{Seed: q.Seed, Length: int(q.Tune.SeqLen), Budget: 1 << 40, Separate: true, CutLong: true})
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
