package eval

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/model/generate"
)

// words is a tokenizer with one token a byte; 1 is BOS.
type words struct{ noBOS bool }

func (words) Encode(text string) ([]int32, error) {
	var out []int32
	for _, b := range []byte(text) {
		out = append(out, int32(b))
	}
	return out, nil
}
func (w words) BOS() (int32, bool) { return 1, !w.noBOS }
func (words) EOS() (int32, bool)   { return 0, false }

// table scores a continuation by a table of sums, all on its first token.
type table map[string]float64

func (t table) Score(_ context.Context, requests []generate.ScoreRequest) ([]generate.ScoreResult, error) {
	var out []generate.ScoreResult
	for _, r := range requests {
		var b strings.Builder
		for _, id := range r.Continuation {
			b.WriteByte(byte(id))
		}
		p := make([]float32, len(r.Continuation))
		p[0] = float32(t[b.String()])
		out = append(out, generate.ScoreResult{LogProbs: p})
	}
	return out, nil
}

func TestRequestFollowsTheHarness(t *testing.T) {
	for _, c := range []struct {
		name, context, continuation string
		enc                         Encoder
		prompt, cont                string
	}{
		{"plain", "ab", " c", Encoder{Tok: words{}}, "ab", " c"},
		{"BOS", "ab", " c", Encoder{Tok: words{}, AddBOS: true}, "\x01ab", " c"},
		{"BOS not doubled", "\x01ab", " c", Encoder{Tok: words{}, AddBOS: true}, "\x01ab", " c"},
		{"white space moves", "ab \n", "c", Encoder{Tok: words{}}, "ab", " \nc"},
		{"empty context", "", "c", Encoder{Tok: words{}}, "\x01", "c"},
		{"empty context, own BOS", "", "\x01c", Encoder{Tok: words{}}, "\x01", "c"},
		{"left cut keeps window+1", "abcdef", " g", Encoder{Tok: words{}, Window: 4}, "def", " g"},
	} {
		r, err := c.enc.Request(c.context, c.continuation)
		want, _ := words{}.Encode(c.prompt)
		cont, _ := words{}.Encode(c.cont)
		if err != nil || !slices.Equal(r.Prompt, want) || !slices.Equal(r.Continuation, cont) {
			t.Errorf("%s: %v, %v", c.name, r, err)
		}
	}
	for name, f := range map[string]func() error{
		"no continuation": func() error { _, err := Encoder{Tok: words{}}.Request("ab", ""); return err },
		"too long":        func() error { _, err := Encoder{Tok: words{}, Window: 3}.Request("ab", "cdefg"); return err },
		"no prefix":       func() error { _, err := Encoder{Tok: words{noBOS: true}}.Request("", "c"); return err },
	} {
		if err := f(); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The harness's own example: choices éé and abc, sums −4.0 and −5.1.
func TestMultipleChoiceRanksByItsThreeRules(t *testing.T) {
	items := []Item{{ID: "1", Prompt: "q", Options: []string{"éé", "abc"}, Answer: 1, Kind: "k"}}
	got, err := MultipleChoice(context.Background(), table{" éé": -4, " abc": -5.1}, Encoder{Tok: words{}}, items)
	if err != nil || got.Acc.Mean != 0 || got.AccNorm.Mean != 1 || got.AccMean.Mean != 0 || got.Chance != .5 || got.ByKind["k"].N != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	items[0].Answer = 0
	got, err = MultipleChoice(context.Background(), table{" éé": -4, " abc": -4}, Encoder{Tok: words{}}, items)
	if err != nil || got.Acc.Mean != 1 {
		t.Errorf("a tie does not go to the first: %+v, %v", got, err)
	}
	items[0].Answer = 2
	if _, err = MultipleChoice(context.Background(), table{}, Encoder{Tok: words{}}, items); err == nil {
		t.Error("an answer outside the options is accepted")
	}
}

// The harness's windows: W = 4, nine tokens, prefix 1.
func TestRollingWindows(t *testing.T) {
	got, err := Encoder{Tok: words{}, Window: 4}.rolling("\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12")
	want := []generate.ScoreRequest{
		{Prompt: []int32{1}, Continuation: []int32{10, 11, 12, 13}},
		{Prompt: []int32{13}, Continuation: []int32{14, 15, 16, 17}},
		{Prompt: []int32{14, 15, 16, 17}, Continuation: []int32{18}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("windows %v, %v", got, err)
	}
}

func TestPerplexity(t *testing.T) {
	texts := func(yield func(string, error) bool) { _ = yield("ab", nil) && yield("", nil) && yield("cd", nil) }
	got, err := Perplexity(context.Background(), table{"ab": -2 * math.Log(8), "cd": -2 * math.Log(2)}, Encoder{Tok: words{}}, texts)
	if err != nil || math.Abs(got.Perplexity-4) > 1e-5 || math.Abs(got.BitsByte-2) > 1e-5 || got.Tokens != 4 || got.Texts != 3 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Perplexity(context.Background(), table{}, Encoder{Tok: words{}}, func(func(string, error) bool) {}); !errors.Is(err, ErrRequest) {
		t.Errorf("no text: %v", err)
	}
}
