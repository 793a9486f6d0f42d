package synth

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/model/generate"
)

// slow takes a second a text, a "hard" one a minute, and knows how many were computed at once.
type slow struct {
	scripted
	now, most int
}

func (s *slow) Generate(ctx context.Context, r generate.Request) (generate.Result, error) {
	prompt, _ := byteTokenizer{}.Decode(r.Prompt, false)
	took := time.Second
	if strings.Contains(prompt[strings.LastIndex(prompt, TagContext):], "hard") {
		took = time.Minute
	}
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return generate.Result{}, ctx.Err()
	}
	return s.scripted.Generate(ctx, r)
}

func slowSynthesizer(t *testing.T, rounds, inFlight int) (*Synthesizer, *slow) {
	t.Helper()
	g := &slow{scripted: scripted{rule: pairFor, prompts: map[string]string{}}}
	s, err := New(codec(t), g, RoundOptions{Rounds: rounds, Window: 900, MaxNewTokens: 60}, inFlight)
	if err != nil {
		t.Fatal(err)
	}
	return s, g
}

// counted is an endless source that tells how many texts were taken from it.
func counted(taken *int) iter.Seq2[data.Document, error] {
	return func(yield func(data.Document, error) bool) {
		for i := 0; ; i++ {
			*taken = i + 1
			if !yield(data.Document{ID: fmt.Sprint(i), Text: "a text"}, nil) {
				return
			}
		}
	}
}

// While the consumer thinks, reading stops at twice the chains in flight, and no more than those are computed at once.
func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := slowSynthesizer(t, 2, 3)
		taken := 0
		for range s.Run(context.Background(), counted(&taken)) {
			time.Sleep(time.Hour)
			synctest.Wait()
			// One chain is the consumer's, five are done and wait, and the first text of the next is in hand.
			if taken != 2*(1+2*3-1)+1 {
				t.Errorf("%d texts were read", taken)
			}
			break
		}
		if g.most != 3 {
			t.Errorf("%d chains were computed at once", g.most)
		}
	})
}

// A chain that takes long does not empty the seats of those behind it, and rounds have no barrier between chains.
func TestChainsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := slowSynthesizer(t, 3, 2)
		began := time.Now()
		n := 0
		for _, err := range s.Run(context.Background(), docs("hard", "a", "a", "b", "b", "b", "c", "c", "c", "d", "d", "d")) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		// The long chain takes one seat 62 s; the other three go through the other meanwhile, 3 s each.
		if took := time.Since(began); took != 62*time.Second || n != 4 {
			t.Errorf("%d chains in %v", n, took)
		}
	})
}

// A text that comes alone is worked on at once, and its chain goes on when the next comes.
func TestAChainBeginsWithItsFirstText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := slowSynthesizer(t, 2, 2)
		ch := make(chan data.Document)
		go func() {
			ch <- data.Document{ID: "a", Text: "a text"}
			time.Sleep(time.Hour)
			g.mu.Lock()
			if len(g.prompts) != 1 {
				t.Errorf("after an hour %d prompts", len(g.prompts))
			}
			g.mu.Unlock()
			ch <- data.Document{ID: "b", Text: "b text"}
			close(ch)
		}()
		var out []Augmented
		for a, err := range s.RunChannel(context.Background(), ch) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, a)
		}
		if got := shape(out); got != "[a:1 b:1];" || out[0].Texts[1].Shots != 1 {
			t.Errorf("chains %s", got)
		}
	})
}

// A channel that never closes holds nobody up: not a consumer that stops, and not an end of the context.
func TestRunChannelEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := slowSynthesizer(t, 1, 2)
		ch := make(chan data.Document, 9)
		ch <- data.Document{ID: "a", Text: "a text"}
		for range s.RunChannel(context.Background(), ch) {
			break
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var last error
		for _, err := range s.RunChannel(ctx, ch) {
			last = err
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("%v", last)
		}
	})
}

// Half a chain is another chain: an error of the source takes the open one with it, and what was whole comes out.
func TestASourceThatFailsInsideAChain(t *testing.T) {
	s, _ := New(codec(t), &scripted{rule: pairFor, prompts: map[string]string{}}, RoundOptions{Rounds: 2, Window: 500, MaxNewTokens: 60}, 4)
	broken := errors.New("broken line")
	var whole int
	var last error
	for a, err := range s.Run(context.Background(), func(yield func(data.Document, error) bool) {
		for range 3 {
			yield(data.Document{Text: "a text"}, nil)
		}
		yield(data.Document{}, broken)
	}) {
		whole, last = whole+len(a.Texts), err
	}
	if !errors.Is(last, broken) || !errors.Is(last, ErrSource) || last.Error() != "broken line" || whole != 2+1 {
		t.Errorf("%d texts, then %v", whole, last)
	}
}

func TestErrorsAreToldApart(t *testing.T) {
	ctx := context.Background()
	s, _ := New(codec(t), &scripted{rule: pairFor, prompts: map[string]string{}}, RoundOptions{Rounds: 1, Window: 90, MaxNewTokens: 60}, 1)
	_, err := s.Pairs(ctx, strings.Repeat("long ", 50))
	var at *TextError
	if !errors.Is(err, ErrTooLong) || !errors.As(err, &at) || at.Round != 1 {
		t.Errorf("a long text: %v", err)
	}
	if _, err := s.Pieces(data.Document{ID: "x", Text: "abc"}); err != nil {
		t.Error(err)
	}
	tiny, _ := New(codec(t), &scripted{}, RoundOptions{Rounds: 1, Window: 20, MaxNewTokens: 11}, 1)
	if _, err := tiny.Pieces(data.Document{ID: "x", Text: "abc"}); !errors.Is(err, ErrTooLong) || !errors.As(err, &at) || at.Document != "x" {
		t.Errorf("no room: %v", err)
	}
	for name, opt := range map[string]Option{"in flight": InFlight(0), "cache": CacheTokens(-1), "step": StepTokens(0)} {
		if _, err := Open(ctx, "nowhere", opt); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(codec(t), &scripted{}, DefaultRounds(), 1, Verification(VerifyOptions{})); !errors.Is(err, ErrNoScorer) {
		t.Errorf("verification without a scorer: %v", err)
	}
	if _, err := New(codec(t), &scoring{}, DefaultRounds(), 1, Verification(VerifyOptions{Cheap: true, Agreement: true})); !errors.Is(err, ErrOptions) {
		t.Errorf("contradiction: %v", err)
	}
}

// Two runs at once give what each gives alone.
func TestConcurrentRuns(t *testing.T) {
	s, _ := New(codec(t), &scripted{rule: pairFor, prompts: map[string]string{}}, RoundOptions{Rounds: 2, Window: 500, MaxNewTokens: 60}, 3)
	texts := [][]string{{"a text", "b text", "bad text", "c text"}, {"d text", "e text", "f text"}}
	var got [2]string
	var work sync.WaitGroup
	for i := range texts {
		work.Go(func() {
			for range 20 {
				var out []Augmented
				for a, err := range s.Run(context.Background(), docs(texts[i]...)) {
					if err != nil {
						t.Error(err)
					}
					out = append(out, a)
				}
				got[i] = shape(out)
			}
		})
	}
	work.Wait()
	if want := [2]string{"[d0:1 d1:1];[d2:0][d3:1];", "[d0:1 d1:1];[d2:1];"}; got != want {
		t.Errorf("%q", got)
	}
}

// What Keep drops is counted under its reason and is in no later prompt.
func TestKeepDropsPairsBeforeTheNextRound(t *testing.T) {
	g := &scripted{rule: pairFor, prompts: map[string]string{}}
	s, _ := New(codec(t), g, RoundOptions{Rounds: 3, Window: 500, MaxNewTokens: 60}, 2, Keep(func(text data.Document, p data.Pair) Reason {
		if text.ID == "d0" && p.Response == "a" {
			return "too short"
		}
		return ""
	}))
	var out []Augmented
	for a, err := range s.Run(context.Background(), docs("a text", "b text", "c text")) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	if got := shape(out); got != "[d0:0][d1:1 d2:1];" || out[0].Texts[0].Parsed.Dropped["too short"] != 1 || strings.Contains(g.prompts["b text"], "a text") {
		t.Errorf("chains %s, dropped %v", got, out[0].Texts[0].Parsed.Dropped)
	}
}

// Run records scores with every pair, in the chains and in the texts.
func TestRunVerifies(t *testing.T) {
	g := &both{scripted: scripted{rule: pairFor, prompts: map[string]string{}}}
	s, err := New(codec(t), g, RoundOptions{Rounds: 2, Window: 500, MaxNewTokens: 60}, 2, Verification(VerifyOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	for a, err := range s.Run(context.Background(), docs("a sea", "bad one", "by the sea")) {
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range a.Texts {
			for _, p := range text.Parsed.Pairs {
				if p.Scores[ScoreLogProb] != -0.5 || p.Scores[ScoreGain] != 1.5 || p.Scores[ScoreTokens] == 0 {
					t.Errorf("%s: scores %v", text.Document.ID, p.Scores)
				}
			}
		}
		if last := a.Chains[0].Examples[0]; len(last.Pairs) != 1 || last.Pairs[0].Scores[ScoreGain] != 1.5 {
			t.Errorf("example %+v", last)
		}
	}
}

// both writes by a rule and scores.
type both struct {
	scripted
	scoring
}

func (b *both) Generate(ctx context.Context, r generate.Request) (generate.Result, error) {
	return b.scripted.Generate(ctx, r)
}

// A pair that does not fit beside its text has no score of the model, and a threshold may drop it.
func TestPairsWithoutAScore(t *testing.T) {
	s, _ := New(codec(t), &scoring{}, RoundOptions{Rounds: 1, Window: 125, MaxNewTokens: 60}, 2)
	scored, err := s.Verify(context.Background(), []data.Chain{{Examples: []data.Example{{Document: data.Document{Text: strings.Repeat("sea ", 20)},
		Pairs: []data.Pair{{Instruction: "what", Response: "it"}, {Instruction: "what", Response: "a long one that does not fit"}}}}}},
		VerifyOptions{Agreement: true})
	if err != nil {
		t.Fatal(err)
	}
	first, second := scored[0].Examples[0].Pairs[0].Scores, scored[0].Examples[0].Pairs[1].Scores
	if _, ok := second[ScoreLogProb]; ok || first[ScoreLogProb] >= 0 || second[ScoreRepetition] != 0 {
		t.Errorf("%v, %v", first, second)
	}
	if _, counts := Filter(scored, Thresholds{MinLogProb: -9}); counts.Kept != 2 || counts.Unscored[ScoreLogProb] != 1 {
		t.Errorf("passing: %+v", counts)
	}
	if _, counts := Filter(scored, Thresholds{MinLogProb: -9, DropUnscored: true}); counts.Kept != 1 || counts.Dropped["no logprob"] != 1 {
		t.Errorf("dropping: %+v", counts)
	}
}
