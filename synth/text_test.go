package synth

import (
	"reflect"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"pgregory.net/rapid"
)

func format(t testing.TB) *Format {
	t.Helper()
	f, err := NewFormat([]string{"<s>", "</s>", "<unk>"})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRenderIsThePapersTable13(t *testing.T) {
	f := format(t)
	got := f.Context("a") + f.Pairs([]data.Pair{
		{Instruction: "b", Response: "c"},
		{Instruction: "d", Options: []string{"e", "f"}, Response: "e"},
		{Instruction: "g", Thought: "h.", Response: "i"},
		{Instruction: "j", Options: []string{"k", "l"}, Thought: "m.", Response: "l"},
	})
	want := " <CON> a </CON>\n\n<QUE> b <ANS> c </END>\n\n" +
		"<QUE> d\nOptions:\n- e\n- f <ANS> e </END>\n\n" +
		"<QUE> g\nLet's think step by step. <ANS> h.\nTherefore, the answer is i </END>\n\n" +
		"<QUE> j\nOptions:\n- k\n- l\nLet's think step by step. <ANS> m.\nTherefore, the answer is l </END>"
	if got != want {
		t.Errorf("rendered\n%q, want\n%q", got, want)
	}
	if f.Context("") != "" {
		t.Error("an empty text has a context")
	}
	if got := f.Question("a", "b"); got != " <CON> a </CON>\n\n<QUE> b <ANS>" {
		t.Errorf("Question = %q", got)
	}
}

// hostile draws texts that are made of what the format is made of.
func hostile() *rapid.Generator[string] {
	part := rapid.SampledFrom([]string{TagContext, TagContextEnd, TagQuestion, TagAnswer, TagEnd, "<s>", "</s>", "<unk>", optionsHead,
		optionNext, thoughtPhrase, answerPhrase, "\\", "<", "<\\", "\n", " ", "a", "Options:", "- ", "é", "\x00", "\xff", "."})
	return rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(part, 1, 8).Draw(t, "parts"), "") })
}

func pairOf(t *rapid.T) data.Pair {
	nonBlank := hostile().Filter(func(s string) bool { return strings.TrimSpace(s) != "" })
	p := data.Pair{Instruction: nonBlank.Draw(t, "instruction"), Response: nonBlank.Draw(t, "response")}
	if rapid.Bool().Draw(t, "choice") {
		p.Options = rapid.SliceOfN(hostile(), 1, 4).Draw(t, "options")
	}
	if rapid.Bool().Draw(t, "thinks") {
		p.Thought = nonBlank.Draw(t, "thought")
	}
	return p
}

func TestParseGivesBackWhatWasRendered(t *testing.T) {
	f := format(t)
	rapid.Check(t, func(t *rapid.T) {
		var pairs []data.Pair
		seen := map[string]bool{}
		for _, p := range rapid.SliceOfN(rapid.Custom(pairOf), 1, 4).Draw(t, "pairs") {
			if key := strings.ToLower(strings.TrimSpace(p.Instruction)); !seen[key] {
				seen[key] = true
				pairs = append(pairs, p)
			}
		}
		got := f.Parse(f.Pairs(pairs))
		if !reflect.DeepEqual(got.Pairs, pairs) || got.Pieces != len(pairs) || len(got.Dropped) != 0 {
			t.Fatalf("parsed %+v, want %+v", got, pairs)
		}
	})
}

func TestEscapedTextHoldsNoMark(t *testing.T) {
	f := format(t)
	rapid.Check(t, func(t *rapid.T) {
		s := hostile().Draw(t, "text")
		for _, e := range []escaper{f.text, f.instruction, f.option, f.thought} {
			escaped := e.escape(s)
			for _, m := range e.marks {
				if strings.Contains(escaped, m) {
					t.Fatalf("escape(%q) = %q holds %q", s, escaped, m)
				}
			}
			if back := e.unescape(escaped); back != s {
				t.Fatalf("unescape(%q) = %q, want %q", escaped, back, s)
			}
		}
	})
}

func TestOverlappingSpecialsAreRefused(t *testing.T) {
	for _, bad := range [][]string{{"<a<b>", "<b>"}, {"aba"}, {"<x>", "x>y"}, {`a\b`}} {
		if _, err := NewFormat(bad); err == nil {
			t.Errorf("NewFormat(%q) accepted", bad)
		}
	}
	if _, err := NewFormat([]string{"<|begin_of_text|>", "<|eot_id|>", "", "[INST]", "[/INST]"}); err != nil {
		t.Error(err)
	}
}

func TestParseCountsWhatItDrops(t *testing.T) {
	got := format(t).Parse("<QUE> a <ANS> b </END>\n\n<QUE> A  <ANS> c </END> what </END><QUE> x </END><QUE> x <ANS> y <ANS> z </END>" +
		"<QUE>  <ANS> b </END><QUE> q <ANS>  </END><QUE> t\nLet's think step by step. <ANS> hm </END>" +
		"<QUE> <CON> <ANS> b </END>\n\n<QUE> cut <ANS> of")
	want := map[Reason]int{DropRepeat: 1, DropNoQuestion: 1, DropAnswers: 2, DropInstruction: 1, DropResponse: 1, DropThought: 1,
		DropTag: 1, DropUnfinished: 1}
	if !reflect.DeepEqual(got.Dropped, want) || got.Pieces != 10 ||
		!reflect.DeepEqual(got.Pairs, []data.Pair{{Instruction: "a", Response: "b"}}) {
		t.Errorf("parsed %+v, want dropped %v", got, want)
	}
	if got := format(t).Parse(" \n"); got.Pieces != 0 || len(got.Pairs) != 0 {
		t.Errorf("blank text: %+v", got)
	}
}
