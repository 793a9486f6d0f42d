package model_test

import (
	"slices"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// A model opened with fresh weights is the one that training begins with, to the bit, and takes no more memory than its weights.
func TestFreshWeightsAreThoseOfTraining(t *testing.T) {
	c := openGolden(t, "llama-gqa-odd").folder.Config
	batch := nextTokens([]int32{3, 1, 4, 1, 5, 9, 2, 6})
	for _, b := range backends(t) {
		for _, math := range []kernels.DType{kernels.F32, kernels.BF16} {
			if math == kernels.BF16 && b.Name() == "ref" {
				continue // the reference computes in float64
			}
			trainer, err := model.OpenTrainer(b, c, model.Options{Tokens: 16, Math: math})
			if err != nil {
				t.Fatal(err)
			}
			if err := trainer.Initialize(9); err != nil {
				t.Fatal(err)
			}
			fresh, err := model.OpenFresh(b, c, 9, model.InferOptions{Tokens: 16, Math: math})
			if err != nil {
				t.Fatal(err)
			}
			want, err := trainer.Score(batch)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := fresh.Score(batch); err != nil || !slices.Equal(got.NLL, want.NLL) {
				t.Errorf("%s in %v: losses %v, of the trainer %v; %v", b.Name(), math, got.NLL, want.NLL, err)
			}
			fresh.Close()
			trainer.Close()
		}
	}
}
