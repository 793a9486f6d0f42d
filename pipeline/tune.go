package pipeline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/train"
)

// tune trains the synthesizer from the base, on texts of every length, several examples a sequence, world and Go.
func (q *quickstart) tune(ctx context.Context, st *Stage) error {
	dir, err := q.base()
	if err != nil {
		return err
	}
	folder, err := hf.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	if q.report.Base, err = readMade(dir); err != nil {
		return err
	}
	if err := hf.CheckVocabulary(folder.Config, "the sample's tokenizer", q.tok.VocabSize()); err != nil {
		return err
	}
	short, world := q.world.Tuning(sample.Short), q.world.Tuning(sample.Train)
	q.tuning = append(append([]data.Example(nil), world...), q.docs.Train...)
	src, err := q.sequences([]tuneSet{{"short", short, q.TuneShort}, {"every length", world, 1 - q.TuneGo - q.TuneShort}, {"go", q.docs.Train, q.TuneGo}})
	if err != nil {
		return err
	}
	cfg := q.Tune
	cfg.Seed = q.Seed
	init := func(m *model.Trainer) error { return errors.Join(m.Load(folder), folder.Check()) }
	res, err := q.train(ctx, "synthesizer", folder.Config, cfg, init, src, nil)
	if err != nil {
		return err
	}
	st.Tokens, st.Note = res.Position.Tokens, fmt.Sprintf("%.2fM parameters, last loss %.3f", float64(res.Plan.Params)/1e6, res.Loss)
	return nil
}

// tuneSet is a share of the tokens of tuning.
type tuneSet struct {
	name     string
	examples []data.Example
	share    float64
}

// sequences makes a ragged source of few-shot tuning sequences, each of one dataset, loss on the pairs alone.
func (q *quickstart) sequences(sets []tuneSet) (train.Source, error) {
	var parts []mix.Part
	for _, set := range sets {
		var tokens [][]int32
		var masks [][]uint8
		for _, dataset := range bySource(set.examples) {
			seqs, _, err := q.codec.Sequences(dataset, 0, synth.SequenceOptions{Window: int(q.Tune.SeqLen), MaxShots: q.Shots, Seed: q.Seed})
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
	return q.ragged(parts, q.Tune.SeqLen)
}

// ragged mixes whole units, each a document of its own, for as long as steps are asked for.
func (q *quickstart) ragged(parts []mix.Part, longest int64) (train.Source, error) {
	m, err := mix.New(parts, mix.Options{Seed: q.Seed, Length: int(longest), Budget: 1 << 40, Separate: true, CutLong: true})
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

// train makes one run of a model.
func (q *quickstart) train(ctx context.Context, name string, arch *model.Config, cfg train.Config, init func(*model.Trainer) error, src train.Source,
	observe func(train.StepRecord) error) (train.Result, error) {
	job := &train.Job{Config: cfg, Model: arch, Init: init, Source: src,
		Backend: q.backend, Dir: filepath.Join(q.Out, name), Tokenizer: q.tok.JSON(), Log: q.Log, PeakFLOPs: q.peak, Observe: observe,
		Data: map[string]string{"sample": fmt.Sprintf("quickstart, seed %d, %s", q.Seed, q.docs.Version)}}
	return job.Run(ctx)
}

// fresh trains a model from fresh weights.
func (q *quickstart) fresh(ctx context.Context, name string, arch *model.Config, cfg train.Config, src train.Source,
	observe func(train.StepRecord) error) (train.Result, error) {
	return q.train(ctx, name, arch, cfg, func(m *model.Trainer) error { return m.Initialize(cfg.Seed) }, src, observe)
}
