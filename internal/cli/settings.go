package cli

import (
	"sort"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/train"
)

// settings is how a training command is told what to do: a recipe's numbers, over them the file of --config, over that the
// flags.
type settings struct {
	recipe, config string
	model          string // the folder to start from
	flags          *pflag.FlagSet
	values         train.Config // as the flags set it
}

// bind declares the flags of training.
func (s *settings) bind(cmd *cobra.Command, defaultRecipe string) {
	f, v := cmd.Flags(), &s.values
	s.flags = f
	f.StringVar(&s.recipe, "recipe", "", "named settings: "+names(recipeNames())+" (default "+defaultRecipe+")")
	f.StringVar(&s.config, "config", "", "TOML `file` with tables [train] and [model], over the recipe, under the flags")
	f.StringVar(&s.model, "model", "", "Hugging Face `folder` to start from; its tokenizer is used")
	f.Int64Var(&v.Steps, "steps", 0, "optimizer steps")
	f.Int64Var(&v.BatchTokens, "batch-tokens", 0, "tokens of a step")
	f.Int64Var(&v.SeqLen, "seq-len", 0, "tokens of a row")
	f.Int64Var(&v.MicroTokens, "micro-tokens", 0, "tokens computed at a time; lower it when memory is short")
	f.Float64Var(&v.Rate, "rate", 0, "peak learning rate")
	f.Int64Var(&v.Warmup, "warmup", 0, "steps up to the peak")
	f.Float64Var(&v.Dropout, "dropout", 0, "dropout probability")
	f.Uint64Var(&v.Seed, "seed", 0, "of weights, order and dropout")
	f.Int64Var(&v.SaveEvery, "save-every", 0, "steps between checkpoints; 0: only at the end")
	f.StringVar(&v.Math, "math", "", "matrix products in f32 or bf16")
	f.StringVar(&v.Recompute, "recompute", "", "activations that backward computes again: none, light or layer")
	completes(cmd, "recipe", recipeNames)
	completes(cmd, "math", func() []string { return []string{train.MathF32, train.MathBF16} })
	completes(cmd, "recompute", func() []string { return []string{"none", "light", "layer"} })
	for _, name := range []string{"steps", "batch-tokens", "seq-len", "micro-tokens", "rate", "warmup", "dropout", "seed", "save-every"} {
		f.Lookup(name).DefValue = "the recipe's"
	}
}

// over writes the flags that were given.
func (s *settings) over(c *train.Config) {
	v := &s.values
	for name, set := range map[string]func(){
		"steps": func() { c.Steps = v.Steps }, "batch-tokens": func() { c.BatchTokens = v.BatchTokens },
		"seq-len": func() { c.SeqLen = v.SeqLen }, "micro-tokens": func() { c.MicroTokens = v.MicroTokens },
		"rate": func() { c.Rate = v.Rate }, "warmup": func() { c.Warmup = v.Warmup }, "dropout": func() { c.Dropout = v.Dropout },
		"seed": func() { c.Seed = v.Seed }, "save-every": func() { c.SaveEvery = v.SaveEvery },
		"math": func() { c.Math = v.Math }, "recompute": func() { c.Recompute = v.Recompute },
	} {
		if s.flags.Changed(name) {
			set()
		}
	}
}

// resolve gives the numbers of training and, for a run from scratch, the architecture (nil where a folder brings it).
func (s *settings) resolve(defaultRecipe string) (cfg train.Config, arch *model.Config, err error) {
	name, err := s.recipeName(defaultRecipe)
	if err != nil {
		return cfg, nil, err
	}
	recipe, err := train.FindRecipe(name)
	if err != nil {
		return cfg, nil, err
	}
	file := settingsFile{Train: recipe.Train, Model: architectureOf(recipe.Model)}
	if s.config != "" {
		if err := readSettings(s.config, &file); err != nil {
			return cfg, nil, err
		}
	}
	cfg, cfg.Recipe = file.Train, recipe.Name
	s.over(&cfg)
	fit(&cfg, &recipe.Train)
	switch changed := file.Model != architectureOf(recipe.Model); {
	case s.model != "" && changed:
		return cfg, nil, usage("%s: [model] changes the architecture, but --model %s brings its own", s.config, s.model)
	case s.model != "":
		return cfg, nil, cfg.Validate()
	case recipe.Model == nil:
		return cfg, nil, usage("recipe %s starts from a model folder: give --model", recipe.Name)
	}
	c := *recipe.Model
	file.Model.apply(&c)
	if c.MaxPositions == recipe.Model.MaxPositions {
		c.MaxPositions = max(c.MaxPositions, cfg.SeqLen)
	}
	return cfg, &c, cfg.Validate()
}

// recipeName: the flag, else the file's, else the default.
func (s *settings) recipeName(byDefault string) (string, error) {
	if s.recipe != "" || s.config == "" {
		if s.recipe != "" {
			return s.recipe, nil
		}
		return byDefault, nil
	}
	var file settingsFile
	if err := readSettings(s.config, &file); err != nil {
		return "", err
	}
	if file.Train.Recipe != "" {
		return file.Train.Recipe, nil
	}
	return byDefault, nil
}

// fit moves a micro-batch size that nobody chose to what rows and batch allow.
func fit(c, recipe *train.Config) {
	if c.MicroTokens != recipe.MicroTokens || c.SeqLen < 1 {
		return
	}
	c.MicroTokens = max(min(c.MicroTokens, c.BatchTokens)/c.SeqLen*c.SeqLen, c.SeqLen)
}

func recipeNames() []string {
	var out []string
	for name := range train.Recipes() {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

func names(list []string) string {
	out := ""
	for i, n := range list {
		if i > 0 {
			out += ", "
		}
		out += n
	}
	return out
}
