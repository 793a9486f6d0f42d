package train_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/train"
)

// A job is a recipe, an architecture, a source of batches, a device and a directory. Run makes the run; called again, by this
// process or by another after a crash, it goes on from the newest checkpoint, or finds that nothing is left to do.
func ExampleJob() {
	tmp, err := os.MkdirTemp("", "train")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	b, err := device.Open("cpu")
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	recipe, err := train.FindRecipe("tiny")
	if err != nil {
		log.Fatal(err)
	}
	cfg, arch := recipe.Train, *recipe.Model
	cfg.Steps, cfg.Warmup, cfg.BatchTokens, cfg.MicroTokens, cfg.SeqLen, cfg.SaveEvery = 6, 2, 32, 32, 16, 3
	cfg.Rate, cfg.Math = 1e-2, train.MathF32
	arch.VocabSize, arch.HiddenSize, arch.IntermediateSize, arch.NumHiddenLayers, arch.HeadDim = 48, 32, 48, 1, 8
	var first float64
	job := train.Job{
		Config: cfg, Model: &arch, Backend: b, Dir: filepath.Join(tmp, "run"), Source: counting(),
		Init: func(m *model.Trainer) error { return m.Initialize(cfg.Seed) },
		Data: map[string]string{"text": "counting"},
		Observe: func(r train.StepRecord) error {
			if r.Step == 1 {
				first = r.Loss
			}
			return nil
		},
	}
	res, err := job.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(res.Step, "steps,", res.Position.Tokens, "tokens, loss went down:", res.Loss < first)
	folder, err := hf.OpenFolder(res.Checkpoint) // a checkpoint is a model folder
	if err != nil {
		log.Fatal(err)
	}
	defer folder.Close()
	fmt.Println(filepath.Base(res.Checkpoint), folder.Config.NumParams(), "parameters")
	job.Source = counting()
	again, err := job.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("nothing left to do:", again.Nothing)
	// Output:
	// 6 steps, 192 tokens, loss went down: true
	// step-6 11872 parameters
	// nothing left to do: true
}

// counting is six steps of rows that count upwards, in memory; a corpus on disk comes from mix.OpenShards or mix.ReadSpec.
func counting() train.Source {
	text := make([]int32, 48)
	for i := range text {
		text[i] = int32(i)
	}
	units, err := mix.NewUnits([][]int32{text}, nil)
	if err != nil {
		log.Fatal(err)
	}
	m, err := mix.New([]mix.Part{{Name: "text", Source: units}}, mix.Options{Seed: 1, Length: 16, Budget: 6 * 32})
	if err != nil {
		log.Fatal(err)
	}
	return train.Packed(m)
}

// The numbers of a recipe can be looked at, changed and checked without a model.
func ExampleConfig_RateAt() {
	recipe, err := train.FindRecipe("500m")
	if err != nil {
		log.Fatal(err)
	}
	cfg := recipe.Train
	for _, step := range []int64{1000, 2000, 101_000, 200_000} {
		fmt.Printf("step %6d: %.2e\n", step, cfg.RateAt(step))
	}
	cfg.Dropout = 1.5
	fmt.Println(cfg.Validate())
	// Output:
	// step   1000: 1.50e-04
	// step   2000: 3.00e-04
	// step 101000: 1.65e-04
	// step 200000: 3.00e-05
	// training configuration: dropout is 1.5, must be 0 to below 1
}
