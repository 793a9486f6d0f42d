package main

import (
	"context"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/synth"
	"github.com/primer-lm/primer/tokenizer"
	"github.com/primer-lm/primer/train"
)

// tinySynthesizer trains a synthesizer of a few thousand parameters for a few steps and returns its folder.
func tinySynthesizer(t *testing.T) string {
	t.Helper()
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	tok, err := tokenizer.FromBytes("sample", sample.Tokenizer())
	check(err)
	defer tok.Close()
	codec, err := synth.NewCodec(tok)
	check(err)
	world := sample.NewWorld(1, sample.Options{Warm: 8, Train: 40, HeldOut: 8, Raw: 8, HeldOutRaw: 8, Comprehension: 8})
	sequences, _, err := codec.Sequences(world.Tuning(sample.Train), 0, synth.SequenceOptions{Window: 256, Seed: 1})
	check(err)
	var tokens [][]int32
	var masks [][]uint8
	for _, s := range sequences {
		tokens, masks = append(tokens, s.Tokens), append(masks, s.Mask)
	}
	units, err := mix.NewUnits(tokens, masks)
	check(err)
	m, err := mix.New([]mix.Part{{Name: "examples", Source: units}}, mix.Options{Seed: 1, Length: 256})
	check(err)
	b, err := device.Open("cpu")
	check(err)
	defer b.Close()
	recipe, err := train.FindRecipe("tiny")
	check(err)
	cfg, arch := recipe.Train, *recipe.Model
	cfg.Steps, cfg.BatchTokens, cfg.MicroTokens = 3, 512, 512
	arch.VocabSize, arch.HiddenSize, arch.IntermediateSize, arch.NumHiddenLayers = int64(tok.VocabSize()), 32, 64, 1
	arch.HeadDim = arch.HiddenSize / arch.NumHeads
	job := train.Job{Config: cfg, Model: &arch, Init: func(m *model.Trainer) error { return m.Initialize(1) }, Source: train.Ragged(m),
		Backend: b, Dir: t.TempDir(), Tokenizer: tok.JSON()}
	res, err := job.Run(context.Background())
	check(err)
	return res.Checkpoint
}

func TestEmbed(t *testing.T) {
	var out strings.Builder
	err := run(context.Background(), tinySynthesizer(t), 16, strings.NewReader("Kalomir lies by a river.\nJoin joins paths.\nOne more.\n"), &out)
	if err != nil {
		t.Fatal(err)
	}
	got := out.String()
	first, second, third := strings.Index(got, "1: Kalomir"), strings.Index(got, "2: Join"), strings.Index(got, "3: One")
	if first < 0 || second < first || third < second || !strings.Contains(got, "texts 3 (") {
		t.Errorf("output: %s", got)
	}
}

func TestEmbedSaysWhichFolderIsMissing(t *testing.T) {
	err := run(context.Background(), "nowhere", 16, strings.NewReader("a\n"), &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v", err)
	}
}
