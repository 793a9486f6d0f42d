package templates

import (
	"testing"

	"github.com/primer-lm/primer/data"
)

// forced renders the examples with the given entries in place of drawn ones.
func forced(t *testing.T, c *data.Chain, layout string, pairsFirst, bridged bool, texts map[string]string) string {
	t.Helper()
	w := &writer{set: set, draws: drawsOf(1, c)}
	kept := w.keep(c)
	w.choice = set.choose(w.draws, false, true)
	w.choice.layout, w.choice.pairsFirst, w.choice.bridged = layout, pairsFirst, bridged
	for family, text := range texts {
		found := false
		for i := range set.families[family].entries {
			if e := &set.families[family].entries[i]; e.text == text {
				w.choice.picked[family], found = e, true
			}
		}
		if !found {
			t.Fatalf("%s has no %q", family, text)
		}
	}
	for i := range kept {
		if i > 0 {
			w.b.WriteString(w.lit("example.separator"))
		}
		w.example(&kept[i])
	}
	return w.b.String()
}

// Every layout to the character, with the entries fixed.
func TestLayoutsToTheCharacter(t *testing.T) {
	c := &data.Chain{ID: "x", Examples: []data.Example{
		{Document: data.Document{Text: "T."}, Pairs: []data.Pair{
			{Instruction: "I1", Response: "R1"},
			{Instruction: "I2", Response: "o", Options: []string{"o"}, Thought: "H2"}}},
		{Pairs: []data.Pair{{Instruction: "I3", Response: "R3"}, {Instruction: "I4", Response: "R4"}}},
		{Document: data.Document{Text: "U."}},
	}}
	base := map[string]string{
		"options.heading": "Options:", "options.item": "({A}) {option}", "options.join": "\n",
		"thought.answer": "{thought} Hence: {response}", "pair.separator": "\n\n", "example.separator": "\n\n\n",
		"pair.free_form": "Q: {instruction}\nA: {response}", "pair.options_thought": "{instruction}\n{options}\n{thought}\nSo the answer is {response}",
		"wrapper.presence": "bare", "wrapper.bare": "{text}\n\n{pairs}", "bridge.phrase": "Tasks:",
		"first.opening": "Tasks first, source after.", "first.lead": "Text:",
		"dialogue.frame": "{text}\n\nDialogue:\n{pairs}", "dialogue.turn": "User: {instruction}\nAssistant: {response}",
		"numbered.frame": "{text}\n\n{questions}\n\n{answers}", "numbered.item": "Q{n}: {instruction}",
		"next-turn.frame": "{text}\n{pairs}", "next-turn.turn": "First: {instruction}\n{response}",
		"inline.frame": "Text: {text}\n\n{pairs}", "inline.item": "{instruction} -> {response}",
	}
	for _, k := range []struct {
		layout         string
		first, bridged bool
		want           string
	}{
		{Classic, false, false, "T.\n\nQ: I1\nA: R1\n\nI2\nOptions:\n(A) o\nH2\nSo the answer is (A)\n\n\nQ: I3\nA: R3\n\nQ: I4\nA: R4\n\n\nU."},
		{Classic, false, true, "T.\n\nTasks:\nQ: I1\nA: R1\n\nI2\nOptions:\n(A) o\nH2\nSo the answer is (A)\n\n\nQ: I3\nA: R3\n\nQ: I4\nA: R4\n\n\nU."},
		{Dialogue, true, false, "Tasks first, source after.\nUser: I1\nAssistant: R1\n\nUser: I2\nOptions:\n(A) o\nAssistant: H2 Hence: (A)\n\nText:\nT." +
			"\n\n\nUser: I3\nAssistant: R3\n\nUser: I4\nAssistant: R4\n\n\nU."},
		{Dialogue, false, true, "T.\n\nDialogue:\nUser: I1\nAssistant: R1\n\nUser: I2\nOptions:\n(A) o\nAssistant: H2 Hence: (A)" +
			"\n\n\nUser: I3\nAssistant: R3\n\nUser: I4\nAssistant: R4\n\n\nU."},
		{Numbered, false, false, "T.\n\nQ1: I1\nQ2: I2\nOptions:\n(A) o\n\nA1: R1\nA2: H2 Hence: (A)\n\n\nQ1: I3\nQ2: I4\n\nA1: R3\nA2: R4\n\n\nU."},
		{NextTurn, false, false, "T.\nFirst: I1\nR1\n\nThen: I2\nOptions:\n(A) o\nH2 Hence: (A)\n\n\nFirst: I3\nR3\n\nThen: I4\nR4\n\n\nU."},
		{Inline, false, false, "Text: T.\n\nI1 -> R1\nI2\nOptions:\n(A) o\n-> H2 Hence: (A)\n\n\nI3 -> R3\nI4 -> R4\n\n\nU."},
	} {
		if got := forced(t, c, k.layout, k.first, k.bridged, base); got != k.want {
			t.Errorf("%s first %v bridge %v:\n%q\nwant\n%q", k.layout, k.first, k.bridged, got, k.want)
		}
	}
}
