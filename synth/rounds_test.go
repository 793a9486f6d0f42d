package synth

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/primer-lm/primer/data"
)

func codec(t testing.TB) *Codec {
	t.Helper()
	c, err := NewCodec(byteTokenizer{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func docs(texts ...string) iter.Seq2[data.Document, error] {
	return func(yield func(data.Document, error) bool) {
		for i, text := range texts {
			if !yield(data.Document{ID: fmt.Sprintf("d%d", i), Text: text}, nil) {
				return
			}
		}
	}
}

// pairFor writes one pair about a text; texts that start with "bad" get none.
func pairFor(text string) string {
	if strings.HasPrefix(text, "bad") {
		return "nothing of use"
	}
	return "<QUE> what is " + text[:1] + " <ANS> " + text[:1] + " </END>"
}

func run(t *testing.T, opt RoundOptions, texts ...string) ([]Augmented, *scripted) {
	t.Helper()
	g := &scripted{rule: pairFor, prompts: map[string]string{}}
	s, err := New(codec(t), g, opt, 3)
	if err != nil {
		t.Fatal(err)
	}
	var out []Augmented
	for a, err := range s.Run(context.Background(), docs(texts...)) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out, g
}

func shape(out []Augmented) string {
	var b strings.Builder
	for _, a := range out {
		for _, c := range a.Chains {
			b.WriteString("[")
			for i, e := range c.Examples {
				fmt.Fprintf(&b, "%s%s:%d", strings.Repeat(" ", min(i, 1)), e.ID, len(e.Pairs))
			}
			b.WriteString("]")
		}
		b.WriteString(";")
	}
	return b.String()
}

func TestRoundsPromptWithEarlierExamples(t *testing.T) {
	out, g := run(t, RoundOptions{Rounds: 2, Window: 500, MaxNewTokens: 60}, "a text", "b text", "c text", "d text", "e text")
	if got, want := shape(out), "[d0:1 d1:1];[d2:1 d3:1];[d4:1];"; got != want {
		t.Errorf("chains %s, want %s", got, want)
	}
	want := "<s> <CON> a text </CON>\n\n<QUE> what is a <ANS> a </END></s><s> <CON> b text </CON>\n\n"
	if got := g.prompts["b text"]; got != want {
		t.Errorf("second prompt %q, want %q", got, want)
	}
	if out[0].Texts[1].Shots != 1 || out[0].Texts[1].Prompt != len(want)-len("<s></s><s>")+3 {
		t.Errorf("second text %+v", out[0].Texts[1])
	}
}

func TestOldestExamplesLeaveWhenTheWindowIsFull(t *testing.T) {
	// One example takes 53 tokens here, one context 24: with 110 for the prompt a third example does not fit.
	out, g := run(t, RoundOptions{Rounds: 4, Window: 150, MaxNewTokens: 40}, "a text", "b text", "c text", "d text")
	if got, want := shape(out), "[d0:1][d1:1][d2:1 d3:1];"; got != want {
		t.Errorf("chains %s, want %s", got, want)
	}
	for i, name := range []string{"c text", "d text"} {
		prompt := g.prompts[name]
		ids, _ := byteTokenizer{}.Encode(prompt)
		if len(ids) > 110 {
			t.Errorf("prompt of %d tokens, limit 110", len(ids))
		}
		// Whoever stands in the prompt stands in the same chain, and the other way round.
		inPrompt := strings.Count(prompt, TagContext) - 1
		if got := out[0].Texts[2+i].Shots; got != inPrompt {
			t.Errorf("%s: %d shots, %d in the prompt", name, got, inPrompt)
		}
	}
	total := 0
	for _, c := range out[0].Chains {
		total += len(c.Examples)
	}
	if total != 4 || len(out[0].Chains) < 2 {
		t.Errorf("chains %s", shape(out))
	}
}

func TestATextWithoutPairStandsAlone(t *testing.T) {
	out, g := run(t, RoundOptions{Rounds: 4, Window: 500, MaxNewTokens: 60}, "a text", "bad text", "c text", "d text")
	if got, want := shape(out), "[d0:1][d1:0][d2:1 d3:1];"; got != want {
		t.Errorf("chains %s, want %s", got, want)
	}
	if strings.Contains(g.prompts["c text"], "a text") || strings.Contains(g.prompts["c text"], "bad") {
		t.Errorf("prompt after a text without pair: %q", g.prompts["c text"])
	}
}

// counting counts the bytes that are encoded.
type counting struct {
	byteTokenizer
	bytes int
}

func (c *counting) Encode(text string) ([]int32, error) {
	c.bytes += len(text)
	return c.byteTokenizer.Encode(text)
}

// A book is cut in time that grows as its length does: no byte is encoded more than some dozens of times.
func TestABookIsCutInLinearTime(t *testing.T) {
	tok := &counting{}
	c, err := NewCodec(tok)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{100, 10_000} {
		text := strings.Repeat("One short sentence here. Another one follows!\n", n)
		tok.bytes = 0
		pieces, err := c.Split(text, 200)
		if err != nil || strings.Join(pieces, "") != text {
			t.Fatalf("%d pieces, %v", len(pieces), err)
		}
		if tok.bytes > 60*len(text) {
			t.Errorf("%d bytes were encoded of %d", tok.bytes, len(text))
		}
	}
}

func TestLongTextsAreSplitWithoutLoss(t *testing.T) {
	c := codec(t)
	text := strings.Repeat("One short sentence here. Another one follows!\n\nA new paragraph, 中文 too. ", 9)
	pieces, err := c.Split(text, 100)
	if err != nil || strings.Join(pieces, "") != text || len(pieces) < 5 {
		t.Fatalf("pieces %q, error %v", pieces, err)
	}
	for _, p := range pieces[:len(pieces)-1] {
		if ids, _ := c.Context(p); len(ids) > 100 {
			t.Errorf("piece of %d tokens: %q", len(ids), p)
		}
		if !strings.HasSuffix(p, ". ") && !strings.HasSuffix(p, "\n\n") {
			t.Errorf("piece does not end at a sentence: %q", p)
		}
	}
	if pieces, err := c.Split(strings.Repeat("é", 300), 100); err != nil || len(pieces) < 6 {
		t.Errorf("text without a break: %d pieces, %v", len(pieces), err)
	}
	if _, err := c.Split("abc", 5); err == nil {
		t.Error("a limit below the tags is accepted")
	}
	out, _ := run(t, RoundOptions{Rounds: 1, Window: 140, MaxNewTokens: 40}, text)
	if len(out) != len(pieces) || out[1].Chains[0].Examples[0].ID != "d0#2" {
		t.Errorf("%d chains for %d pieces", len(out), len(pieces))
	}
}

func TestRunStopsAtTheFirstErrorAndLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	g := &scripted{rule: pairFor, prompts: map[string]string{}}
	s, _ := New(codec(t), g, RoundOptions{Rounds: 1, Window: 500, MaxNewTokens: 60}, 2)
	broken := errors.New("broken line")
	source := func(yield func(data.Document, error) bool) {
		for i := range 5 {
			if !yield(data.Document{ID: fmt.Sprint(i), Text: "a text"}, nil) {
				return
			}
		}
		yield(data.Document{}, broken)
	}
	var got []error
	for _, err := range s.Run(context.Background(), source) {
		got = append(got, err)
	}
	if len(got) != 6 || !errors.Is(got[5], broken) {
		t.Errorf("outcomes %v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range s.Run(ctx, source) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled run: %v", err)
		}
	}
	for range s.Run(context.Background(), source) {
		break
	}
	for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines left of %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestSequencesMaskTextsAndFillTheWindow(t *testing.T) {
	c := codec(t)
	var examples []data.Example
	for i := range 10 {
		examples = append(examples, data.Example{Document: data.Document{ID: fmt.Sprint(i), Text: string(rune('a' + i))},
			Pairs: []data.Pair{{Instruction: "q", Response: "r"}, {Instruction: "s", Response: "t"}}})
	}
	seqs, report, err := c.Sequences(examples, 0, SequenceOptions{Window: 150, Seed: 1})
	if err != nil || report.Examples != 10 || len(seqs) != 5 {
		t.Fatalf("%d sequences, %+v, %v", len(seqs), report, err)
	}
	for _, s := range seqs {
		var learnt []int32
		for i, m := range s.Mask {
			if m == 1 {
				learnt = append(learnt, s.Tokens[i])
			}
		}
		text, _ := byteTokenizer{}.Decode(learnt, false)
		one := "<QUE> q <ANS> r </END>\n\n<QUE> s <ANS> t </END></s>"
		if text != one+one || s.Shots != 2 || len(s.Tokens) > 150 {
			t.Errorf("learnt %q of %d tokens, %d shots", text, len(s.Tokens), s.Shots)
		}
	}
	again, _, _ := c.Sequences(examples, 0, SequenceOptions{Window: 150, Seed: 1})
	other, _, _ := c.Sequences(examples, 1, SequenceOptions{Window: 150, Seed: 1})
	same := func(a, b []Sequence) bool {
		return slices.EqualFunc(a, b, func(x, y Sequence) bool { return slices.Equal(x.Tokens, y.Tokens) })
	}
	if !same(seqs, again) || same(seqs, other) {
		t.Error("the order is not a function of seed and epoch")
	}
	_, report, _ = c.Sequences(examples, 0, SequenceOptions{Window: 60, Seed: 1})
	if report.PairsCut != 10 || report.Examples != 10 {
		t.Errorf("cut to one pair: %+v", report)
	}
	_, report, _ = c.Sequences(examples, 0, SequenceOptions{Window: 20, Seed: 1})
	if report.ExamplesLost != 10 {
		t.Errorf("too small a window: %+v", report)
	}
}
