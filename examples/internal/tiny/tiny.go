// Package tiny makes the synthesizer that the tests of the examples run: a few thousand parameters, trained for a few steps.
// What it writes is noise.
package tiny

import (
	"context"
	"errors"

	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/tokenizer"
	"github.com/primer-lm/primer/train"
)

// Synthesizer trains one beneath dir and returns its folder.
func Synthesizer(ctx context.Context, dir string) (_ string, err error) {
	tok, err := tokenizer.FromBytes("sample", sample.Tokenizer())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, tok.Close()) }()
	source, err := examples(tok)
	if err != nil {
		return "", err
	}
	b, err := device.Open("cpu")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	recipe, err := train.FindRecipe("tiny")
	if err != nil {
		return "", err
	}
	cfg, arch := recipe.Train, *recipe.Model
	cfg.Steps, cfg.BatchTokens, cfg.MicroTokens = 3, 512, 512
	arch.VocabSize, arch.HiddenSize, arch.IntermediateSize, arch.NumHiddenLayers = int64(tok.VocabSize()), 32, 64, 1
	arch.HeadDim = arch.HiddenSize / arch.NumHeads
	job := train.Job{Config: cfg, Model: &arch, Init: func(m *model.Trainer) error { return m.Initialize(1) }, Source: source,
		Backend: b, Dir: dir, Tokenizer: tok.JSON()}
	res, err := job.Run(ctx)
	if err != nil {
		return "", err
	}
	return res.Checkpoint, nil
}

// examples is tuning sequences of the sample world.
func examples(tok *tokenizer.Tokenizer) (train.Source, error) {
	codec, err := synth.NewCodec(tok)
	if err != nil {
		return nil, err
	}
	world := sample.NewWorld(1, sample.Options{Warm: 8, Train: 40, HeldOut: 8, Raw: 8, HeldOutRaw: 8, Comprehension: 8})
	sequences, _, err := codec.Sequences(world.Tuning(sample.Train), 0, synth.SequenceOptions{Window: 256, Seed: 1})
	if err != nil {
		return nil, err
	}
	var tokens [][]int32
	var masks [][]uint8
	for _, s := range sequences {
		tokens, masks = append(tokens, s.Tokens), append(masks, s.Mask)
	}
	units, err := mix.NewUnits(tokens, masks)
	if err != nil {
		return nil, err
	}
	m, err := mix.New([]mix.Part{{Name: "examples", Source: units}}, mix.Options{Seed: 1, Length: 256})
	if err != nil {
		return nil, err
	}
	return train.Ragged(m), nil
}
