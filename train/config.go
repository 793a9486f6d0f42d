package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/primer-lm/primer/model"
)

// ErrConfig is wrapped by every error about a training configuration.
var ErrConfig = errors.New("training configuration")

// The dtypes of the matrix products. Master weights, moments, statistics and sums are float32 in both.
const (
	MathF32  = "f32"
	MathBF16 = "bf16"
)

// Config is everything that decides what a run computes, apart from the model's architecture and the data. Names follow
// the command line's. A run directory holds it resolved.
type Config struct {
	Recipe      string  `toml:"recipe" json:"recipe"`
	Steps       int64   `toml:"steps" json:"steps"`               // optimizer steps
	BatchTokens int64   `toml:"batch_tokens" json:"batch_tokens"` // tokens of one step, over all micro-batches
	SeqLen      int64   `toml:"seq_len" json:"seq_len"`           // tokens of a row
	MicroTokens int64   `toml:"micro_tokens" json:"micro_tokens"` // tokens of one forward and backward pass at most
	Rate        float64 `toml:"rate" json:"rate"`                 // peak learning rate
	MinRate     float64 `toml:"min_rate" json:"min_rate"`         // share of the peak at the end (0.1, ours)
	Warmup      int64   `toml:"warmup" json:"warmup"`             // steps from 0 to the peak
	Beta1       float64 `toml:"beta1" json:"beta1"`
	Beta2       float64 `toml:"beta2" json:"beta2"`
	Eps         float64 `toml:"eps" json:"eps"` // outside the square root (1e-8, ours)
	WeightDecay float64 `toml:"weight_decay" json:"weight_decay"`
	Clip        float64 `toml:"clip" json:"clip"` // gradient norm; 0: none
	Dropout     float64 `toml:"dropout" json:"dropout"`
	Math        string  `toml:"math" json:"math"`           // f32 or bf16 matrix products
	Recompute   string  `toml:"recompute" json:"recompute"` // what backward computes again: none, light or layer
	Seed        uint64  `toml:"seed" json:"seed"`
	SaveEvery   int64   `toml:"save_every" json:"save_every"` // steps between checkpoints; 0: only at the end
	Keep        int64   `toml:"keep" json:"keep"`             // checkpoints kept besides the newest
}

// Validate returns an error that names the first field out of its range.
func (c *Config) Validate() error {
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	for _, f := range []struct {
		ok   bool
		name string
		val  any
		want string
	}{
		{c.Steps > 0, "steps", c.Steps, "at least 1"},
		{c.SeqLen > 1, "seq_len", c.SeqLen, "at least 2"},
		{c.BatchTokens >= c.SeqLen, "batch_tokens", c.BatchTokens, fmt.Sprintf("at least seq_len (%d)", c.SeqLen)},
		{c.MicroTokens >= c.SeqLen, "micro_tokens", c.MicroTokens, fmt.Sprintf("at least seq_len (%d)", c.SeqLen)},
		{c.Rate > 0 && finite(c.Rate), "rate", c.Rate, "above 0"},
		{c.MinRate >= 0 && c.MinRate <= 1, "min_rate", c.MinRate, "0 to 1, a share of rate"},
		{c.Warmup >= 0, "warmup", c.Warmup, "at least 0"},
		{c.Beta1 >= 0 && c.Beta1 < 1, "beta1", c.Beta1, "0 to below 1"},
		{c.Beta2 >= 0 && c.Beta2 < 1, "beta2", c.Beta2, "0 to below 1"},
		{c.Eps > 0 && finite(c.Eps), "eps", c.Eps, "above 0"},
		{c.WeightDecay >= 0 && finite(c.WeightDecay), "weight_decay", c.WeightDecay, "at least 0"},
		{c.Clip >= 0 && finite(c.Clip), "clip", c.Clip, "at least 0"},
		{c.Dropout >= 0 && c.Dropout < 1, "dropout", c.Dropout, "0 to below 1"},
		{c.Math == MathF32 || c.Math == MathBF16, "math", c.Math, "f32 or bf16"},
		{recomputeKnown(c.Recompute), "recompute", c.Recompute, "none, light or layer"},
		{c.SaveEvery >= 0, "save_every", c.SaveEvery, "at least 0"},
		{c.Keep >= 0, "keep", c.Keep, "at least 0"},
	} {
		if !f.ok {
			return fmt.Errorf("%w: %s is %v, must be %s", ErrConfig, f.name, f.val, f.want)
		}
	}
	return nil
}

func recomputeKnown(name string) bool {
	_, err := model.ParseRecompute(name)
	return err == nil
}

// RateAt returns the learning rate of a step, counted from 1: linear warm-up to the peak, then half a cosine down to
// MinRate of it at the last step ("Instruction Pre-Training", Table 14; the floor is ours).
func (c *Config) RateAt(step int64) float64 {
	if step <= c.Warmup {
		return c.Rate * float64(step) / float64(c.Warmup)
	}
	left := float64(c.Steps - c.Warmup)
	if left <= 0 {
		return c.Rate
	}
	done := math.Min(1, float64(step-c.Warmup)/left)
	return c.Rate * (c.MinRate + (1-c.MinRate)*0.5*(1+math.Cos(math.Pi*done)))
}
