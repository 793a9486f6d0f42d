package synth

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// Option changes one setting of Open.
type Option func(*settings)

type settings struct {
	device      string
	rounds      RoundOptions
	inFlight    int
	cacheTokens int64
	cacheType   kernels.DType
	stepTokens  int64
	keep        PairFilter
	verify      *VerifyOptions
}

func defaults() settings {
	set := settings{device: "cpu", rounds: DefaultRounds(), inFlight: defaultInFlight, stepTokens: defaultStepTokens}
	set.rounds.Window = 0
	return set
}

// fit chooses the window that was left open, and refuses one that the model does not have.
func (s *settings) fit(c *model.Config) error {
	if s.rounds.Window == 0 {
		s.rounds.Window = int(min(c.MaxPositions, int64(DefaultRounds().Window)))
	}
	if int64(s.rounds.Window) > c.MaxPositions {
		return fmt.Errorf("%w: window %d, but the model's max_position_embeddings is %d", ErrTooLong, s.rounds.Window, c.MaxPositions)
	}
	return nil
}

// cache gives the positions of the KV cache.
func (s *settings) cache() int64 {
	if s.cacheTokens > 0 {
		return s.cacheTokens
	}
	return int64(s.inFlight) * int64(s.rounds.Window+pageSize)
}

// validate finds what is wrong before a model is opened. Rounds are checked with the model's window, by New.
func (s *settings) validate() error {
	switch {
	case s.inFlight < 1:
		return fmt.Errorf("%w: %d chains in flight, need at least 1", ErrOptions, s.inFlight)
	case s.cacheTokens < 0:
		return fmt.Errorf("%w: a cache of %d tokens", ErrOptions, s.cacheTokens)
	case s.stepTokens < 1:
		return fmt.Errorf("%w: steps of %d tokens, need at least 1", ErrOptions, s.stepTokens)
	}
	return nil
}

// Device sets the device: "cpu" (the default), "cuda:0", …
func Device(name string) Option { return func(s *settings) { s.device = name } }

// Rounds sets how texts are augmented. A zero Window is the model's, capped at DefaultRounds' 2048.
func Rounds(o RoundOptions) Option { return func(s *settings) { s.rounds = o } }

// InFlight sets how many chains are computed side by side (default 32).
func InFlight(n int) Option { return func(s *settings) { s.inFlight = n } }

// CacheTokens sets the positions of the KV cache; the default holds every chain in flight at its full window.
func CacheTokens(n int64) Option { return func(s *settings) { s.cacheTokens = n } }

// CacheType sets the dtype of the KV cache: kernels.F32 or kernels.BF16, which takes half the memory; the default is what the
// model computes in. Results depend on it.
func CacheType(t kernels.DType) Option { return func(s *settings) { s.cacheType = t } }

// StepTokens sets the tokens of a generation step (default 512): new ones and pieces of prompts.
func StepTokens(n int64) Option { return func(s *settings) { s.stepTokens = n } }

// Keep lets a program drop pairs as they are written: what it drops is counted under the reason it gives and is not in the
// prompts of later rounds. Filters that look at scores come later, on what was recorded: FilterBy.
func Keep(f PairFilter) Option { return func(s *settings) { s.keep = f } }

// Verification records scores with every pair that is generated.
func Verification(o VerifyOptions) Option { return func(s *settings) { s.verify = &o } }
