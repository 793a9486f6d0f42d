package sample

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/primer-lm/primer/data"
)

// allNames is the set of words that are names.
var allNames = func() map[string]bool {
	names := map[string]bool{}
	for _, book := range []nameBook{newNameBook(3, false), newNameBook(3, true)} {
		for i := range book {
			p := book.parts(i)
			names[p[0]+p[1]+p[2]] = true
		}
	}
	return names
}()

// everything an example shows: text, instructions, answers, options, thoughts.
func shown(e *data.Example) string {
	parts := []string{e.Text}
	for _, p := range e.Pairs {
		parts = append(parts, p.Instruction, p.Response, p.Thought)
		parts = append(parts, p.Options...)
	}
	return strings.Join(parts, "\n")
}

func namesIn(text string) []string {
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.DeleteFunc(words, func(w string) bool { return !allNames[w] })
}

func TestSyllablesSpellEachNameOnce(t *testing.T) {
	for row, s := range Syllables() {
		seen := map[string]bool{}
		for _, x := range s {
			seen[x] = true
		}
		if len(s) != perRow || len(seen) != perRow {
			t.Errorf("row %d: %d syllables, %d different, want 24", row, len(s), len(seen))
		}
	}
	if len(allNames) != nameCount {
		t.Errorf("%d different names, want %d", len(allNames), nameCount)
	}
}

func TestSplitsShareNoName(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		w := NewWorld(seed, Options{})
		owner := map[string]Split{}
		for _, s := range Splits {
			for _, e := range w.Tuning(s) {
				for _, name := range namesIn(shown(&e)) {
					if o, ok := owner[name]; ok && o != s {
						t.Fatalf("seed %d: %s is in %s and in %s", seed, name, o, s)
					}
					owner[name] = s
				}
			}
		}
		if len(owner) < 6500 {
			t.Errorf("seed %d: %d names found, want over 6,500: is the pattern right?", seed, len(owner))
		}
	}
}

// A model that learnt from a world of reserved names has met no name of another world, whatever the seeds.
func TestReservedNamesAreOfNoOtherWorld(t *testing.T) {
	reserved := map[string]bool{}
	small := Options{Reserved: true, Warm: 500, Short: 500, Train: 500, HeldOut: 1, Raw: 1, HeldOutRaw: 1, Comprehension: 1}
	for _, seed := range []uint64{1, 2, 3, 4} {
		for _, s := range Splits {
			for _, e := range NewWorld(seed, small).Tuning(s) {
				for _, name := range namesIn(shown(&e)) {
					reserved[name] = true
				}
			}
		}
	}
	if len(reserved) < reservedCount*3/4 {
		t.Errorf("%d reserved names met, want most of %d", len(reserved), reservedCount)
	}
	for _, seed := range []uint64{1, 9} {
		for _, s := range Splits {
			for _, e := range NewWorld(seed, Options{}).Tuning(s) {
				for _, name := range namesIn(shown(&e)) {
					if reserved[name] {
						t.Fatalf("seed %d: %s stands in %s and is reserved", seed, name, s)
					}
				}
			}
		}
	}
	if err := (Options{Reserved: true}).Validate(); !errors.Is(err, ErrOptions) {
		t.Errorf("330 held-out documents of reserved names: %v", err)
	}
}

// In the raw corpus a name belongs to one document: nothing can be answered from another.
func TestEachNameBelongsToOneDocument(t *testing.T) {
	owner := map[string]string{}
	for _, e := range NewWorld(1, Options{}).Tuning(Raw) {
		for _, name := range namesIn(e.Text) {
			if o, ok := owner[name]; ok && o != e.ID {
				t.Fatalf("%s is in %s and in %s", name, o, e.ID)
			}
			owner[name] = e.ID
		}
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	a, b, c := NewWorld(7, Options{}), NewWorld(7, Options{}), NewWorld(8, Options{})
	for _, s := range Splits {
		if !reflect.DeepEqual(a.Texts(s), b.Texts(s)) {
			t.Errorf("split %s differs between two worlds of one seed", s)
		}
		if reflect.DeepEqual(a.Texts(s)[0], c.Texts(s)[0]) {
			t.Errorf("split %s is the same for two seeds", s)
		}
	}
	if !reflect.DeepEqual(a.ClosedBook(), b.ClosedBook()) || !reflect.DeepEqual(a.Comprehension(), b.Comprehension()) {
		t.Error("items differ between two worlds of one seed")
	}
	// More documents leave the ones before as they are.
	more := NewWorld(7, Options{Raw: 300}).Raw()
	if !reflect.DeepEqual(more[:220], a.Raw()) {
		t.Error("a larger raw corpus changed its first documents")
	}
}

func TestRichness(t *testing.T) {
	w := NewWorld(1, Options{})
	var formats [data.Formats]int
	tasks, wordings, kinds, lengths := map[string]int{}, map[string]map[string]bool{}, map[string]int{}, map[int]int{}
	for _, text := range w.Texts(Train) {
		lengths[len(text.Facts)]++
		kinds[text.Source]++
		for i, p := range text.Pairs {
			formats[p.Format()]++
			f := &text.Facts[i]
			tasks[f.Task]++
			key := f.Kind + "/" + f.Name
			if wordings[key] == nil {
				wordings[key] = map[string]bool{}
			}
			wordings[key][f.Wording] = true
		}
	}
	for f, n := range formats {
		if n < 500 {
			t.Errorf("%d pairs of format %s, want 500 or more", n, data.Format(f))
		}
	}
	derived := 0
	for _, task := range Tasks {
		if tasks[task] < 100 {
			t.Errorf("%d pairs of task %s, want 100 or more", tasks[task], task)
		}
		if Derived(task) {
			derived++
		}
	}
	if len(Tasks) < 12 || len(tasks) != len(Tasks) || derived < 4 {
		t.Errorf("%d tasks, %d seen, %d derived", len(Tasks), len(tasks), derived)
	}
	for key, seen := range wordings {
		if !strings.HasSuffix(key, "/kind") && len(seen) < 8 {
			t.Errorf("%s is told in %d wordings, want 8 or more", key, len(seen))
		}
	}
	if len(kinds) < 4 || len(wordings) != 4+len(townFacts)+len(personFacts)+len(companyFacts)+len(machineFacts) {
		t.Errorf("%d kinds of entity, %d facts", len(kinds), len(wordings))
	}
	for n := 1; n <= maxFacts; n++ {
		if lengths[n] < 100 {
			t.Errorf("%d documents of %d facts", lengths[n], n)
		}
	}
}

// A fact's wordings are different sentences and carry its placeholders.
func TestWordingsAreWellFormed(t *testing.T) {
	needs := map[shape][]string{
		shapeName: {"{E}", "{V}"}, shapeWord: {"{E}", "{V}"}, shapeList: {"{E}", "{L}"},
		shapeCounts: {"{E}", "{V}", "{W}"}, shapeAges: {"{E}", "{V}", "{F}", "{W}"}, shapeVia: {"{E}", "{V}", "{W}"},
	}
	all := map[string]bool{}
	for _, kind := range Kinds {
		for _, s := range specs(kind) {
			for _, wording := range s.wordings {
				if all[wording] {
					t.Errorf("%s/%s: %q stands twice", kind, s.name, wording)
				}
				all[wording] = true
				for _, hole := range needs[s.shape] {
					if strings.Count(wording, hole) != 1 {
						t.Errorf("%s/%s: %q needs %s once", kind, s.name, wording, hole)
					}
				}
				for _, class := range classes {
					if strings.Contains(wording, class) {
						t.Errorf("%s/%s: %q gives the class away", kind, s.name, wording)
					}
				}
			}
			if s.back.task != "" && !hasValueFirst(s.wordings) {
				t.Errorf("%s/%s has a question from the value's end but no such wording", kind, s.name)
			}
		}
	}
}

func hasValueFirst(wordings []string) bool {
	for _, w := range wordings {
		if valueFirst(w) {
			return true
		}
	}
	return false
}

func TestOptionsAreChecked(t *testing.T) {
	bad := map[string]Options{
		"too many documents": {Raw: 50000},
		"no weight":          {Facts: []int{0, 0}},
		"six facts":          {RawFacts: []int{1, 1, 1, 1, 1, 1}},
		"six warm facts":     {WarmFacts: []int{1, 1, 1, 1, 1, 1}},
		"no warm task":       {WarmTasks: []string{TaskYesNo}},
		"too few tasks":      {TaskWeight: map[string]float64{TaskMoreOf: 0}},
	}
	for name, opt := range bad {
		if err := opt.Validate(); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
	opt := Options{TaskWeight: map[string]float64{TaskOlder: 0, TaskCount: 5}, Wordings: 2, Pronoun: -1, Intro: -1}
	seen := map[string]int{}
	for _, text := range NewWorld(1, opt).Texts(Train) {
		for i, f := range text.Facts {
			seen[f.Task]++
			if !strings.Contains(text.Text, text.sentences[i]) {
				t.Fatalf("%s: %q is not spelt out", text.ID, text.sentences[i])
			}
		}
	}
	if seen[TaskOlder] > 0 || seen[TaskClassify] > 0 || seen[TaskCount] < 2*seen[TaskYesNo]/2 {
		t.Errorf("weights are not followed: %v", seen)
	}
}

func TestTaskIsRecorded(t *testing.T) {
	for _, text := range NewWorld(1, Options{}).Texts(HeldOut) {
		for i, p := range text.Pairs {
			var task string
			if err := json.Unmarshal(p.Extra["task"], &task); err != nil || task != text.Facts[i].Task {
				t.Fatalf("%s pair %d: task %q (%v), want %q", text.ID, i, task, err, text.Facts[i].Task)
			}
		}
	}
}
