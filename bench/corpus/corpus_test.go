package corpus

import (
	"os"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
)

// Our sides on a little: parts hold the texts once, turns see all of them, and twice the same tokens.
func TestOurs(t *testing.T) {
	in, err := MakeInputs(t.TempDir(), 100<<10, 3)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for d, err := range data.Documents(in.Parts, data.Options{Strict: true}) {
		if err != nil {
			t.Fatal(err)
		}
		seen[d.ID]++
	}
	if int64(len(seen)) != in.Count || in.Count < 50 || in.TextBytes < 100<<10 || in.ExampleBytes < in.TextBytes {
		t.Errorf("%d texts in parts, %d in all; %d bytes of text, %d of examples", len(seen), in.Count, in.TextBytes, in.ExampleBytes)
	}
	if err := os.WriteFile(in.Tokenizer, sample.Tokenizer(), 0o644); err != nil {
		t.Fatal(err)
	}
	tokenize, err := in.Tokenize()
	if err != nil {
		t.Fatal(err)
	}
	pipeline, err := in.Pipeline()
	if err != nil {
		t.Fatal(err)
	}
	r := &Race{What: tokenizing, Aim: 1, Bytes: in.TextBytes, Sides: []*Side{{Name: "ours", Ours: true, turn: tokenize}, {Name: "theirs", turn: tokenize}}}
	if err := r.Run(2, t.Logf); err != nil || len(r.Sides[0].Seconds) != 2 || r.Sides[0].Texts != in.Count || r.Sides[0].Tokens < in.Count {
		t.Errorf("%+v, %v", r.Sides[0], err)
	}
	r.Sides[1].turn = pipeline
	if err := r.Run(1, t.Logf); err == nil || !strings.Contains(err.Error(), "they do different things") {
		t.Errorf("other tokens: %v", err)
	}
	r.Sides = append(r.Sides[:1], &Side{Name: "command", turn: in.Command("cp -r {in} {out}")})
	if err := r.Run(1, t.Logf); err == nil {
		t.Error("a side that makes no tokens passes")
	}
}

func TestReport(t *testing.T) {
	r := &Report{Rounds: 3, Races: []*Race{{What: "X", Aim: 3, Bytes: 1 << 20, Note: "Note.", Sides: []*Side{
		{Name: "ours", Is: "a", Ours: true, Seconds: []float64{2, 1, 1.5, 9}, Texts: 5}, {Name: "slow", Is: "b", Seconds: []float64{8, 8, 8, 8}}, {Name: "fast", Is: "c", Seconds: []float64{7, 6.9, 7.1, 7}}}},
		{What: "Y", Sides: []*Side{{Name: "theirs", Seconds: []float64{1}}}}}}
	if got := r.Races[0].Ratio(); got != 4 {
		t.Errorf("a ratio of %v", got)
	}
	for _, want := range []string{"**ours 4.00× theirs** (aim 3.0×)", "| ours (a) | 1.750 | 457 % | 0.6 | 5 | – |", "Ours did not run."} {
		if !strings.Contains(r.Markdown(), want) {
			t.Errorf("%q is missing in\n%s", want, r.Markdown())
		}
	}
}
