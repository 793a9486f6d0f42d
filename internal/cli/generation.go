package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/synth"
)

// generation is what the commands that run a synthesizer share.
type generation struct {
	stdio         IO
	texts         // how documents are read
	model, device string
	in            []string
	rounds        synth.RoundOptions
	inFlight      int
	cache         cacheType
	json          bool
}

func (g *generation) bind(cmd *cobra.Command, inputs string) {
	f, byDefault := cmd.Flags(), synth.DefaultRounds()
	f.StringVar(&g.model, "model", "", "synthesizer: a Hugging Face `folder`")
	f.StringSliceVar(&g.in, "in", nil, inputs)
	f.IntVar(&g.rounds.Rounds, "rounds", byDefault.Rounds, "texts of a chain: each is prompted with the examples before it")
	f.IntVar(&g.rounds.Window, "window", 0, "tokens of prompt and new tokens together (default the model's, at most 2048)")
	f.IntVar(&g.rounds.MaxNewTokens, "max-new-tokens", byDefault.MaxNewTokens, "tokens generated for a text at most")
	f.Float32Var(&g.rounds.Temperature, "temperature", 0, "of sampling; 0: greedy")
	f.Float32Var(&g.rounds.TopP, "top-p", 0, "sample from the most probable tokens of this total probability; 0: from all")
	f.Uint64Var(&g.rounds.Seed, "seed", 1, "of sampling")
	f.IntVar(&g.inFlight, "in-flight", 32, "chains computed side by side")
	g.cache.bind(cmd)
	f.BoolVar(&g.json, "json", false, "print the report as JSON")
	deviceFlag(cmd, &g.device)
	g.bindReading(cmd)
}

// cacheType is the flag of the KV cache's dtype.
type cacheType struct{ kernels.DType }

func (c *cacheType) String() string {
	if c.DType == kernels.NoType {
		return "auto"
	}
	return c.DType.String()
}

func (c *cacheType) Type() string { return "dtype" }

func (c *cacheType) Set(text string) error {
	t, err := model.ParseCacheType(text)
	c.DType = t
	return err
}

func (c *cacheType) bind(cmd *cobra.Command) {
	cmd.Flags().Var(c, "cache-type", "of the KV cache: f32, bf16 (half the memory), or auto, what the model computes in")
	completes(cmd, "cache-type", func() []string { return []string{"auto", "f32", "bf16"} })
}

// check finds what is wrong with the flags before a model is opened.
func (g *generation) check() error {
	r := &g.rounds
	switch {
	case g.model == "":
		return usage("--model is missing: the synthesizer's folder")
	case len(g.in) == 0:
		return usage("--in is missing: the texts")
	case r.Rounds < 1:
		return usage("--rounds %d: at least 1", r.Rounds)
	case r.MaxNewTokens < 1:
		return usage("--max-new-tokens %d: at least 1", r.MaxNewTokens)
	case r.Window != 0 && r.Window <= r.MaxNewTokens+8:
		return usage("--window %d leaves no room for a text beside --max-new-tokens %d", r.Window, r.MaxNewTokens)
	case !(r.Temperature >= 0 && r.Temperature <= 100):
		return usage("--temperature %v: 0 to 100", r.Temperature)
	case !(r.TopP >= 0 && r.TopP <= 1):
		return usage("--top-p %v: 0 to 1", r.TopP)
	case g.inFlight < 1:
		return usage("--in-flight %d: at least 1", g.inFlight)
	}
	return nil
}

// checkWindow compares the flags with the model's window.
func (g *generation) checkWindow() error {
	config, err := hf.ReadConfig(g.model)
	if err != nil {
		return fmt.Errorf("%s: %w", g.model, err)
	}
	if window := int(min(config.MaxPositions, int64(synth.DefaultRounds().Window))); g.rounds.Window == 0 && window <= g.rounds.MaxNewTokens+8 {
		return usage("--max-new-tokens %d leaves no room for a text in the model's window of %d", g.rounds.MaxNewTokens, window)
	}
	return nil
}

// opening is how the synthesizer is opened, but for what one command adds.
func (g *generation) opening(more ...synth.Option) []synth.Option {
	return append([]synth.Option{synth.Device(g.device), synth.Rounds(g.rounds), synth.InFlight(g.inFlight), synth.CacheType(g.cache.DType)}, more...)
}

// with opens the synthesizer, runs f and closes it.
func (g *generation) with(ctx context.Context, f func(context.Context, *synth.Synthesizer) error, more ...synth.Option) (err error) {
	if err := g.check(); err != nil {
		return err
	}
	if err := g.checkWindow(); err != nil {
		return err
	}
	s, err := synth.Open(ctx, g.model, g.opening(more...)...)
	if err != nil {
		return deviceError(g.device, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return f(ctx, s)
}
