package train

import (
	"fmt"
	"sort"
	"strings"

	"github.com/primer-lm/primer/model"
)

// Recipe is a named setting: how to train, and what, where it starts from scratch.
type Recipe struct {
	Name  string
	About string
	Train Config
	Model *model.Config // nil: the run starts from a folder (--model)
}

// Recipes returns every recipe by name. The numbers of 500m, 1.3b and continual-8b are the paper's Table 14, those of
// synthesizer its Table 8; where neither fixes a value it is Primer's and marked so in Config.
func Recipes() map[string]Recipe {
	out := map[string]Recipe{}
	for _, r := range []Recipe{tiny(), scratch500M(), scratch1300M(), continual8B(), synthesizer()} {
		r.Train.Recipe = r.Name
		out[r.Name] = r
	}
	return out
}

// FindRecipe returns a recipe, or an error that lists the names.
func FindRecipe(name string) (Recipe, error) {
	all := Recipes()
	if r, ok := all[name]; ok {
		return r, nil
	}
	var names []string
	for n := range all {
		names = append(names, n)
	}
	sort.Strings(names)
	return Recipe{}, fmt.Errorf("%w: no recipe %q; there are %s", ErrConfig, name, strings.Join(names, ", "))
}

// common is what Tables 8 and 14 share.
func common() Config {
	return Config{MinRate: 0.1, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, Clip: 1, Dropout: 0.1, Math: MathBF16,
		Recompute: "none", Seed: 1, SaveEvery: 500, Keep: 1}
}

func tiny() Recipe {
	c := common()
	c.Steps, c.BatchTokens, c.SeqLen, c.MicroTokens = 300, 2048, 256, 2048
	c.Rate, c.Warmup, c.Dropout, c.SaveEvery = 2e-3, 30, 0, 100
	return Recipe{Name: "tiny", About: "a model of about 1M parameters on the embedded sample, on a laptop in a minute or so", Train: c,
		Model: llama(0, 128, 352, 4, 4, 4, 256, 10000)} // the vocabulary is the tokenizer's
}

func scratch500M() Recipe {
	c := common()
	c.Steps, c.BatchTokens, c.SeqLen, c.MicroTokens = 200_000, 1<<19, 2048, 16384
	c.Rate, c.Warmup = 3e-4, 2000
	return Recipe{Name: "500m", About: "568M parameters from scratch, 100B tokens (Table 14)", Train: c,
		Model: llama(32000, 1536, 4320, 16, 24, 24, 2048, 10000)}
}

func scratch1300M() Recipe {
	c := common()
	c.Steps, c.BatchTokens, c.SeqLen, c.MicroTokens = 100_000, 1<<20, 2048, 16384
	c.Rate, c.Warmup = 2e-4, 2000
	return Recipe{Name: "1.3b", About: "1.35B parameters from scratch, 100B tokens (Table 14)", Train: c,
		Model: llama(32000, 2048, 8192, 20, 32, 8, 2048, 10000)}
}

func continual8B() Recipe {
	c := common()
	c.Steps, c.BatchTokens, c.SeqLen, c.MicroTokens = 4000, 1<<18, 4096, 4096
	c.Rate, c.Warmup, c.Recompute = 1e-5, 1000, "layer"
	return Recipe{Name: "continual-8b", About: "continual pre-training of a Llama-3-8B folder, 1B tokens (Table 14)", Train: c}
}

func synthesizer() Recipe {
	c := common()
	c.Steps, c.BatchTokens, c.SeqLen, c.MicroTokens = 61_000, 16384, 4096, 4096
	c.Rate, c.Warmup, c.Recompute, c.SaveEvery = 5e-6, 1000, "layer", 1000
	return Recipe{Name: "synthesizer", About: "tuning Mistral-7B-v0.1 into the instruction synthesizer, 5 epochs of 0.2B tokens (Table 8)", Train: c}
}

// llama is the architecture of the from-scratch recipes: untied, head_dim = hidden/heads.
func llama(vocab, hidden, intermediate, layers, heads, kvHeads, positions int64, theta float64) *model.Config {
	return &model.Config{ModelType: model.Llama, VocabSize: vocab, HiddenSize: hidden, IntermediateSize: intermediate,
		NumHiddenLayers: layers, NumHeads: heads, NumKeyValueHeads: kvHeads, HeadDim: hidden / heads, MaxPositions: positions,
		HiddenAct: "silu", RMSNormEps: 1e-5, Rope: model.Rope{Type: model.RopeDefault, Theta: theta}, InitializerRange: 0.02}
}
