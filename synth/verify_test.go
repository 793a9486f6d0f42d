package synth

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/model/generate"
)

// scoring is a generator that also scores: a token after a prompt that holds the text "sea" has log-probability
// −0.5, any other −2.
type scoring struct{}

func (s *scoring) Score(_ context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error) {
	var out []generate.ScoreResult
	for _, r := range requests {
		prompt, _ := byteTokenizer{}.Decode(r.Prompt, false)
		p := float32(-2)
		if strings.Contains(prompt, "sea </CON>") {
			p = -0.5
		}
		scores := make([]float32, len(r.Continuation))
		for i := range scores {
			scores[i] = p
		}
		out = append(out, generate.ScoreResult{LogProbs: scores})
	}
	return out, nil
}

func (s *scoring) Generate(context.Context, generate.Request) (generate.Result, error) {
	ids, _ := byteTokenizer{}.Encode(" blue sea </END>\n\n<QUE> more")
	return generate.Result{Tokens: ids}, nil
}

func verifier(t *testing.T) *Synthesizer {
	t.Helper()
	s, err := New(codec(t), &scoring{}, RoundOptions{Rounds: 1, Window: 400, MaxNewTokens: 60}, 2)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func someChains() []data.Chain {
	return []data.Chain{{ID: "c", Examples: []data.Example{
		{Document: data.Document{ID: "d", Text: "the blue sea"}, Pairs: []data.Pair{
			{Instruction: "what", Response: "the sea"},
			{Instruction: "which", Options: []string{"sea", "sky"}, Response: "sand"},
			{Instruction: "why", Response: "it is so it is so it is so"},
		}},
		{Document: data.Document{ID: "e", Text: "other"}, Pairs: []data.Pair{{Instruction: "who", Response: "me"}}},
	}}}
}

func TestVerifyRecordsScores(t *testing.T) {
	chains := someChains()
	got, err := verifier(t).Verify(context.Background(), chains, VerifyOptions{Agreement: true})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(chains, someChains()) {
		t.Error("the chains given were changed")
	}
	first, second, last := got[0].Examples[0].Pairs[0].Scores, got[0].Examples[0].Pairs[1].Scores, got[0].Examples[1].Pairs[0].Scores
	want := map[string]float64{ScoreLogProb: -.5, ScoreGain: 1.5, ScoreTokens: 8, ScoreRepetition: 0, ScoreAgreement: 2. / 3}
	if !reflect.DeepEqual(first, want) {
		t.Errorf("scores %v, want %v", first, want)
	}
	if second[ScoreOptionsValid] != 0 || last[ScoreGain] != 0 || last[ScoreLogProb] != -2 {
		t.Errorf("second %v, last %v", second, last)
	}
}

func TestFilterWorksOnRecordedScores(t *testing.T) {
	scored, err := verifier(t).Verify(context.Background(), someChains(), VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	gain := 0.1
	for name, c := range map[string]struct {
		t    Thresholds
		kept int
		why  string
	}{
		"nothing":    {Thresholds{}, 4, ""},
		"options":    {Thresholds{OptionsValid: true}, 3, ScoreOptionsValid},
		"log-prob":   {Thresholds{MinLogProb: -1}, 3, ScoreLogProb},
		"gain":       {Thresholds{MinGain: &gain}, 3, ScoreGain},
		"repetition": {Thresholds{MaxRepetition: 0.3}, 3, ScoreRepetition},
		"tokens":     {Thresholds{MaxTokens: 10}, 3, ScoreTokens},
	} {
		got, counts := Filter(scored, c.t)
		if counts.Pairs != 4 || counts.Kept != c.kept || (c.why != "" && counts.Dropped[c.why] != 4-c.kept) || len(got[0].Examples) != 2 {
			t.Errorf("%s: %+v", name, counts)
		}
	}
	if len(scored[0].Examples[0].Pairs) != 3 {
		t.Error("a filter changed what it was given")
	}
}

func TestVerifyNeedsAScorer(t *testing.T) {
	s, _ := New(codec(t), &scripted{}, RoundOptions{Rounds: 1, Window: 400, MaxNewTokens: 60}, 2)
	if _, err := s.Verify(context.Background(), someChains(), VerifyOptions{}); !errors.Is(err, ErrNoScorer) {
		t.Errorf("%v", err)
	}
}
