package synth_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/synth"
)

// A pair is scored and answered again by the real engine also where its text is longer than a usual step, and what does not fit
// the window is left without a score.
func TestLongTextsAreScored(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	if err := untrained(dir, 1024); err != nil {
		t.Fatal(err)
	}
	opts := []synth.Option{synth.InFlight(2), synth.Rounds(synth.RoundOptions{Rounds: 2, MaxNewTokens: 8}), synth.Verification(synth.VerifyOptions{Agreement: true})}
	memory, err := synth.PlanMemory(dir, opts...)
	if err != nil || memory.Window != 1024 || memory.CacheTokens != 2*(1024+16) || memory.Cache != 2*1*2*(1024+16)*2*8*4 || memory.Weights != memory.Parameters*4 {
		t.Errorf("%+v, %v", memory, err)
	}
	s, err := synth.Open(context.Background(), dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := s.Codec().Context(strings.Repeat("river ", 300))
	if err != nil {
		t.Fatal(err)
	}
	perWord := len(ids)/300 + 1
	pair := []data.Pair{{Instruction: "Where?", Response: "Here."}}
	scored, err := s.Verify(context.Background(), []data.Chain{{Examples: []data.Example{
		{Document: data.Document{ID: "long", Text: strings.Repeat("river ", 800/perWord)}, Pairs: pair},
		{Document: data.Document{ID: "longer", Text: strings.Repeat("river ", 2000)}, Pairs: pair},
	}}}, synth.VerifyOptions{Agreement: true})
	if err != nil {
		t.Fatal(err)
	}
	long, longer := scored[0].Examples[0].Pairs[0].Scores, scored[0].Examples[1].Pairs[0].Scores
	if _, agreed := long[synth.ScoreAgreement]; !agreed || !(long[synth.ScoreLogProb] < 0) || long[synth.ScoreTokens] < 1 {
		t.Errorf("long: %v", long)
	}
	if _, scored := longer[synth.ScoreLogProb]; scored || len(longer) != 1 {
		t.Errorf("longer than the window: %v", longer)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Pairs(context.Background(), "a"); !errors.Is(err, synth.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := synth.Open(context.Background(), t.TempDir()); !errors.Is(err, hf.ErrFile) && !errors.Is(err, hf.ErrConfig) {
		t.Errorf("an empty folder: %v", err)
	}
}
