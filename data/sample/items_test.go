package sample

import (
	"strings"
	"testing"
)

// trainingText is everything that any arm may be trained on.
func trainingText(w *World) (words map[string]bool, lines []string) {
	words = map[string]bool{}
	for _, s := range []Split{Warm, Short, Train, Raw} {
		for _, e := range w.Tuning(s) {
			text := shown(&e)
			for _, name := range namesIn(text) {
				words[name] = true
			}
			lines = append(lines, text)
		}
	}
	return words, lines
}

func TestClosedBookItems(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4, 5} {
		w := NewWorld(seed, Options{})
		var trained map[string]bool
		if seed < 3 { // five times everything would take seconds
			trained, _ = trainingText(w)
		}
		items := w.ClosedBook()
		if len(items) < 2000 {
			t.Errorf("seed %d: %d items, want 2,000 or more", seed, len(items))
		}
		prompts, ids, facts, kinds, at := map[string]bool{}, map[string]bool{}, map[string]int{}, map[string]int{}, [4]int{}
		for _, it := range items {
			prompts[it.Prompt], ids[it.ID] = true, true
			facts[it.Fact]++
			kinds[it.Kind]++
			at[it.Answer]++
			if trained != nil {
				checkOptions(t, &it, trained)
			}
		}
		if len(prompts) != len(items) || len(ids) != len(items) {
			t.Errorf("seed %d: %d items, %d prompts, %d ids", seed, len(items), len(prompts), len(ids))
		}
		if len(facts) < 330 || kinds[ItemForward] < 1000 || kinds[ItemBackward] < 300 {
			t.Errorf("seed %d: %d facts, kinds %v", seed, len(facts), kinds)
		}
		for i, n := range at {
			if n < len(items)/5 || n > len(items)*3/10 {
				t.Errorf("seed %d: the answer is option %d in %d of %d items", seed, i, n, len(items))
			}
		}
	}
}

// The right option is a name of the raw corpus; the wrong ones have its shape
// and occur in no training text.
func checkOptions(t *testing.T, it *Item, trained map[string]bool) {
	t.Helper()
	if len(it.Options) != 4 {
		t.Fatalf("%s: %d options", it.ID, len(it.Options))
	}
	for i, o := range it.Options {
		if !allNames[o] || trained[o] != (i == it.Answer) || count(it.Options, o) != 1 {
			t.Fatalf("%s: option %d of %q, answer %d", it.ID, i, it.Options, it.Answer)
		}
	}
	if strings.Contains(it.Prompt, it.Options[it.Answer]) {
		t.Fatalf("%s: the prompt holds the answer", it.ID)
	}
}

// Every option of a recall item is told of something, and the questions are
// those of ClosedBook.
func TestRecallItems(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		w := NewWorld(seed, Options{})
		told := map[string]bool{}
		for _, e := range w.Raw() {
			for _, name := range namesIn(e.Text) {
				told[name] = true
			}
		}
		items, same := w.Recall(), w.ClosedBook()
		if len(items) != len(same) {
			t.Fatalf("%d items, %d closed-book ones", len(items), len(same))
		}
		for i, it := range items {
			if it.Prompt != same[i].Prompt || it.Options[it.Answer] != same[i].Options[same[i].Answer] || it.ID == same[i].ID {
				t.Fatalf("%s asks other than %s", it.ID, same[i].ID)
			}
			for _, o := range it.Options {
				if !told[o] || count(it.Options, o) != 1 || len(it.Options) != 4 {
					t.Fatalf("%s: options %q", it.ID, it.Options)
				}
			}
		}
	}
}

// The answer to an item is what its fact says, found without the phrases.
func TestItemsAnswerFromTheirFact(t *testing.T) {
	w := NewWorld(1, Options{})
	facts := map[string]Fact{}
	for _, text := range w.Texts(Raw) {
		for i, f := range text.Facts {
			facts[text.ID+"/"+string(rune('0'+i))] = f
		}
	}
	for _, it := range w.ClosedBook() {
		f, ok := facts[it.Fact]
		if !ok {
			t.Fatalf("%s: no fact %s", it.ID, it.Fact)
		}
		known, wanted := f.Entity, f.Value
		if it.Kind == ItemBackward {
			known, wanted = wanted, known
		}
		if it.Options[it.Answer] != wanted || !strings.Contains(it.Prompt, known) {
			t.Fatalf("%s: %q is answered %q, fact %+v", it.ID, it.Prompt, it.Options[it.Answer], f)
		}
	}
}

// No evaluation question is worded as any tuning text is: with the names taken
// out, none of them occurs there.
func TestEvaluationWordingIsItsOwn(t *testing.T) {
	w := NewWorld(1, Options{})
	blank := func(s string) string {
		for _, name := range namesIn(s) {
			s = strings.ReplaceAll(s, name, "·")
		}
		return s
	}
	seen := map[string]bool{}
	_, lines := trainingText(w)
	for _, l := range lines {
		for _, sentence := range strings.FieldsFunc(blank(l), func(r rune) bool { return strings.ContainsRune(".?\n", r) }) {
			seen[strings.TrimSpace(sentence)] = true
		}
	}
	if !seen["Which river is · on"] {
		t.Fatal("the tuning questions are not found: is the pattern right?")
	}
	asked := map[string]bool{}
	for _, it := range w.ClosedBook() {
		q := strings.TrimSuffix(strings.TrimPrefix(it.Prompt, "Question: "), "\nAnswer:")
		q = strings.Trim(blank(q), ".?")
		asked[q] = true
		if seen[q] {
			t.Fatalf("%q is worded as tuning data is", q)
		}
	}
	if len(asked) < 100 {
		t.Errorf("%d wordings of questions", len(asked))
	}
}

func TestClozeItems(t *testing.T) {
	w := NewWorld(1, Options{})
	trained, _ := trainingText(w)
	items := w.Cloze()
	if len(items) < 300 {
		t.Fatalf("%d items", len(items))
	}
	told := map[string]string{}
	for _, text := range w.Texts(Raw) {
		for i, s := range text.sentences {
			told[text.ID+"/"+string(rune('0'+i))] = s
		}
	}
	for _, it := range items {
		checkOptions(t, &it, trained)
		full := it.Prompt + " " + it.Options[it.Answer]
		if !strings.HasPrefix(told[it.Fact], full) {
			t.Fatalf("%s: %q is no sentence of the corpus", it.ID, full)
		}
	}
}

func TestComprehensionItems(t *testing.T) {
	w := NewWorld(1, Options{})
	trained, _ := trainingText(w)
	items := w.Comprehension()
	if len(items) < 300 {
		t.Fatalf("%d items", len(items))
	}
	inText := 0
	for _, it := range items {
		text, question, _ := strings.Cut(it.Prompt, "\n\n")
		for i, o := range it.Options {
			if trained[o] || count(it.Options, o) != 1 || len(it.Options) != 4 {
				t.Fatalf("%s: options %q", it.ID, it.Options)
			}
			if i != it.Answer && strings.Contains(text, o) {
				inText++
			}
		}
		if a := it.Options[it.Answer]; !strings.Contains(text, a) || strings.Contains(question, a) {
			t.Fatalf("%s: %q, answer %q", it.ID, it.Prompt, a)
		}
	}
	if inText < len(items)/2 {
		t.Errorf("%d wrong options of %d items are in the text: reading is not needed", inText, len(items))
	}
}
