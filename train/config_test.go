package train

import (
	"errors"
	"math"
	"testing"
)

// The paper's parameter counts (Table 14: 500M and 1.3B; exact with the untied 32,000-piece vocabulary).
func TestRecipesHaveThePapersSizes(t *testing.T) {
	for name, want := range map[string]float64{"500m": 567.9e6, "1.3b": 1347.5e6} {
		r, err := FindRecipe(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Model.Validate(); err != nil {
			t.Error(err)
		}
		if got := float64(r.Model.NumParams()); math.Abs(got-want) > 0.06e6 {
			t.Errorf("%s: %.1fM parameters, want %.1fM", name, got/1e6, want/1e6)
		}
	}
	for name, r := range Recipes() {
		if err := r.Train.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r.Name != name || r.Train.Recipe != name {
			t.Errorf("%s is called %q and %q", name, r.Name, r.Train.Recipe)
		}
	}
	if _, err := FindRecipe("9t"); !errors.Is(err, ErrConfig) {
		t.Errorf("unknown recipe: %v", err)
	}
}

func TestRateWarmsUpAndDecays(t *testing.T) {
	c := Recipes()["500m"].Train
	for _, p := range []struct {
		step int64
		want float64
	}{{1, 3e-4 / 2000}, {1000, 1.5e-4}, {2000, 3e-4}, {101_000, 3e-4 * 0.55}, {200_000, 3e-5}} {
		if got := c.RateAt(p.step); math.Abs(got-p.want) > 1e-12 {
			t.Errorf("rate at %d = %g, want %g", p.step, got, p.want)
		}
	}
}

func TestValidateNamesTheField(t *testing.T) {
	good := Recipes()["tiny"].Train
	for name, spoil := range map[string]func(*Config){
		"steps": func(c *Config) { c.Steps = 0 }, "batch_tokens": func(c *Config) { c.BatchTokens = 5 },
		"rate": func(c *Config) { c.Rate = math.NaN() }, "math": func(c *Config) { c.Math = "fp8" },
		"dropout": func(c *Config) { c.Dropout = 1 }, "clip": func(c *Config) { c.Clip = math.Inf(1) },
	} {
		c := good
		spoil(&c)
		if err := c.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
