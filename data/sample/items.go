package sample

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Item is one multiple-choice question. An option is scored as the
// continuation " " + option of the prompt.
type Item struct {
	ID, Prompt string
	Options    []string
	Answer     int    // index of the right option
	Kind       string // "closed-book/forward", …: Kinds of item below
	Fact       string // the fact asked for; items of one fact are no independent draws
}

// Kinds of item: forward asks for the value, backward for the entity, each
// in the direction in which the document tells it.
const (
	ItemForward       = "closed-book/forward"
	ItemBackward      = "closed-book/backward"
	ItemCloze         = "cloze"
	ItemComprehension = "comprehension"
)

// frames ask for a noun phrase {P}. No gold pair is worded in any of them.
var frames = []string{
	"Name {P}.",
	"Tell me {P}.",
	"What is {P} called?",
	"Please give {P}.",
	"Do you know {P}?",
	"State {P}, in one word.",
}

// asked says which side of a fact its sentence tells last: that side is asked
// for. ok is false where it is no name.
func (f *Fact) asked(s *factSpec) (phrase, answer, kind string, ok bool) {
	switch {
	case s.phrase == "":
		return "", "", "", false
	case valueFirst(f.Wording):
		return f.fill(s.backPhrase), f.Entity, ItemBackward, true
	}
	return f.fill(s.phrase), f.Value, ItemForward, true
}

// spec finds the description of a fact; nil for the opening sentence.
func (f *Fact) spec() *factSpec {
	all := specs(f.Kind)
	for i := range all {
		if all[i].name == f.Name {
			return &all[i]
		}
	}
	return nil
}

// ClosedBook asks, without the text, for what the raw corpus tells. The wrong
// options are names of no training text: a model that only knows which names it
// has met is above chance too, in every arm alike. Recall takes that away.
func (w *World) ClosedBook() []Item {
	wrong := w.book.part(unseen, 0, 2)
	return w.closedBook("closed-book", func(string, string, int) []string { return wrongNames(wrong) })
}

// Recall asks the same questions with wrong options that the raw corpus tells
// in the same place about others: only who has what can decide.
func (w *World) Recall() []Item {
	told := map[string][]string{}
	w.eachAsked(Raw, func(t *Text, i int, _, answer, kind string) {
		key := t.Facts[i].place(kind)
		if !slices.Contains(told[key], answer) {
			told[key] = append(told[key], answer)
		}
	})
	return w.closedBook("recall", func(key, answer string, n int) []string {
		r := w.stream("recall/"+answer, n)
		others := slices.DeleteFunc(slices.Clone(told[key]), func(s string) bool { return s == answer })
		if len(others) < 3 {
			return nil
		}
		return shuffled(r, others)[:3]
	})
}

// closedBook puts every frame to every fact that can be asked for by name. wrong
// gives three options for the n-th frame, or none where a small corpus has not
// three; its key is the same for facts whose answers stand in the same place.
func (w *World) closedBook(id string, wrong func(key, answer string, n int) []string) []Item {
	var items []Item
	w.eachAsked(Raw, func(t *Text, i int, phrase, answer, kind string) {
		key := t.Facts[i].place(kind)
		for n, frame := range frames {
			others := wrong(key, answer, n)
			if others == nil {
				continue
			}
			it := w.item(fmt.Sprintf("%s/%s/%d/%d", id, t.ID, i, n), kind, questionPrompt(frame, phrase), answer, others)
			it.Fact = fmt.Sprintf("%s/%d", t.ID, i)
			items = append(items, it)
		}
	})
	return items
}

// place is the same for facts whose answers could stand for each other: values
// of one fact, or entities of one kind.
func (f *Fact) place(kind string) string {
	if kind == ItemBackward {
		return f.Kind
	}
	return f.Kind + "/" + f.Name
}

// Cloze lets the raw corpus's own sentences be completed.
func (w *World) Cloze() []Item {
	var items []Item
	wrong := w.book.part(unseen, 2, 4)
	w.eachAsked(Raw, func(t *Text, i int, _, answer, _ string) {
		sentence := t.sentences[i]
		prompt := strings.TrimSpace(sentence[:strings.LastIndex(sentence, answer)])
		if prompt == "" {
			return
		}
		it := w.item(fmt.Sprintf("cloze/%s/%d", t.ID, i), ItemCloze, prompt, answer, wrongNames(wrong))
		it.Fact = fmt.Sprintf("%s/%d", t.ID, i)
		items = append(items, it)
	})
	return items
}

// Comprehension asks about a text that stands in the prompt and was never
// trained on. Wrong options are the text's other names first.
func (w *World) Comprehension() []Item {
	var items []Item
	spare := w.book.part(unseen, 3, 4)
	w.eachAsked(Comprehension, func(t *Text, i int, phrase, answer, _ string) {
		r := w.stream("comprehension-options", len(items))
		others := t.otherNames(answer, phrase)
		others = shuffled(r, others)
		for len(others) < 3 {
			others = append(others, spare.name())
		}
		prompt := t.Text + "\n\n" + questionPrompt(frames[r.IntN(len(frames))], phrase)
		it := w.item(fmt.Sprintf("comprehension/%s/%d", t.ID, i), ItemComprehension, prompt, answer, others[:3])
		it.Fact = fmt.Sprintf("%s/%d", t.ID, i)
		items = append(items, it)
	})
	return items
}

// eachAsked visits the facts of a split that can be asked for by name.
func (w *World) eachAsked(s Split, visit func(t *Text, i int, phrase, answer, kind string)) {
	texts := w.Texts(s)
	for n := range texts {
		t := &texts[n]
		for i := range t.Facts {
			spec := t.Facts[i].spec()
			if spec == nil {
				continue
			}
			if phrase, answer, kind, ok := t.Facts[i].asked(spec); ok {
				visit(t, i, phrase, answer, kind)
			}
		}
	}
}

// otherNames are the names of a text that are neither the answer nor part of
// the question.
func (t *Text) otherNames(answer, phrase string) []string {
	var names []string
	for i := range t.Facts {
		f := &t.Facts[i]
		candidates := []string{f.Entity, f.Other}
		if s := f.spec(); s != nil && (s.shape == shapeName || s.shape == shapeVia) {
			candidates = append(candidates, f.Value, f.Second)
		}
		for _, name := range candidates {
			if name != "" && name != answer && !strings.Contains(phrase, name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (w *World) item(id, kind, prompt, answer string, wrong []string) Item {
	it := Item{ID: id, Kind: kind, Prompt: prompt, Options: append([]string{answer}, wrong...)}
	r := w.stream("order/"+id, 0)
	it.Answer = place(r, it.Options)
	return it
}

// place shuffles options whose first is the right one, and says where it went.
func place(r *rand.Rand, options []string) int {
	at := 0
	r.Shuffle(len(options), func(i, j int) {
		options[i], options[j] = options[j], options[i]
		switch at {
		case i:
			at = j
		case j:
			at = i
		}
	})
	return at
}

func wrongNames(n *namer) []string { return []string{n.name(), n.name(), n.name()} }

func questionPrompt(frame, phrase string) string {
	return "Question: " + strings.Replace(frame, "{P}", phrase, 1) + "\nAnswer:"
}
