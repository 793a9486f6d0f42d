package templates

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
)

// The least number of entries of the full set, by family: the release's numbers where
// it has the family.
var least = map[string]int{
	"pair.free_form": 79, "pair.options": 48, "pair.thought": 210, "pair.options_thought": 240, "pair.separator": 3,
	"thought.answer": 20, "options.heading": 20, "options.item": 15, "options.end": 12, "options.join": 3, "options.none": 12,
	"wrapper.presence": 2, "wrapper.joined": 50, "wrapper.bare": 3, "bridge.presence": 2, "bridge.phrase": 84, "example.separator": 5,
	"layout.any": 2, "layout.many": 5, "layout.order": 2, "first.opening": 42, "first.lead": 60,
	"dialogue.frame": 20, "dialogue.turn": 20, "numbered.frame": 11, "numbered.item": 11, "next-turn.frame": 15, "next-turn.turn": 15,
	"inline.frame": 10, "inline.item": 10, "instruction.pattern": 1,
}

func TestVarietyIsAtLeastTheReleases(t *testing.T) {
	for _, name := range Families() {
		want, ok := least[name]
		if !ok {
			t.Errorf("%s has no least number here", name)
		}
		if n := set.Count(name); n < want {
			t.Errorf("%s has %d entries, want %d", name, n, want)
		}
	}
	// As often bare as wrapped, as often without a bridge as with one.
	for _, name := range []string{"wrapper.presence", "bridge.presence"} {
		if e := set.families[name].entries; e[0].weight != e[1].weight {
			t.Errorf("%s: weights %v and %v", name, e[0].weight, e[1].weight)
		}
	}
}

var word = regexp.MustCompile(`\{\w+\}|[\pL\pN']+`)

// words is an entry as it is compared: words in lower case, placeholders all alike,
// neither punctuation nor white space. plain counts those that are no placeholder.
func words(e *entry) (all []string, plain int) {
	for _, w := range word.FindAllString(strings.ToLower(e.text+" / "+e.next), -1) {
		if w[0] == '{' {
			all = append(all, "{}")
			continue
		}
		all = append(all, w)
		plain++
	}
	return all, plain
}

// distance is how many words must be changed, added or taken away.
func distance(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		corner := row[0]
		row[0] = i + 1
		for j := range b {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// tooClose tells whether two entries are one: the same words but for case,
// punctuation, line breaks and the names of placeholders, or, in longer ones, but for
// a word or two. Where there are no words, punctuation and white space count.
func tooClose(a, b *entry) bool {
	if a.text == b.text && a.next == b.next {
		return true
	}
	x, nx := words(a)
	y, ny := words(b)
	short := min(nx, ny)
	if short == 0 {
		return false
	}
	if d := len(x) - len(y); d < -2 || d > 2 {
		return false
	}
	switch d := distance(x, y); {
	case short >= 7:
		return d <= 2
	case short >= 3:
		return d <= 1
	default:
		return d == 0
	}
}

// Items differ by counter and punctuation alone, and none-phrases are also those that
// are known in data.
var alike = []string{"options.item", "options.none"}

func TestNoEntryStandsTwice(t *testing.T) {
	for _, name := range Families() {
		entries := set.families[name].entries
		for i := range entries {
			for j := range i {
				a, b := &entries[i], &entries[j]
				if a.text == b.text && a.next == b.next || !slices.Contains(alike, name) && tooClose(a, b) {
					t.Errorf("%s:%d is too close to line %d: %q and %q", a.file, a.line, b.line, a.text, b.text)
				}
			}
		}
	}
}

func TestTooClose(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		close bool
	}{
		{"Question: {instruction}\nAnswer: {response}", "[QUESTION] {instruction} [answer] {response}", true},
		{"Facts: {thought}\n{instruction}", "{instruction}\nFacts: {thought}", false},
		{"{instruction} -> {response}", "{instruction} => {response}", false},
		{"{instruction} -> {response}", "{instruction} -> {response}", true},
		{"Now answer this one: {instruction}\n{response}", "Now answer that one: {instruction}\n{response}", true},
		{"Read this text and then say what you know.", "Read the text and then tell what you know.", true},
		{"Ask {instruction}", "Say {instruction}", false},
	} {
		if tooClose(&entry{text: c.a}, &entry{text: c.b}) != c.close {
			t.Errorf("%q and %q: close is not %v", c.a, c.b, c.close)
		}
	}
}

// faults are mistakes that a pattern can find.
var faults = []struct {
	what     string
	re       *regexp.Regexp
	families string // a prefix
}{
	{"blanks at the end of a line", regexp.MustCompile(`[ \t]\n|[ \t]$`), ""},
	{"two blanks within a line", regexp.MustCompile(`[^\n ] {2,}`), ""},
	{"a tab or carriage return", regexp.MustCompile(`[\t\r]`), ""},
	{"a blank before punctuation", regexp.MustCompile(`\pL [,;?!.](\s|$)`), ""},
	{"a word twice", regexp.MustCompile(`(?i)\b(the the|a a|is is|to to|of of|and and|in in|it it)\b`), ""},
	{"four line breaks", regexp.MustCompile(`\n{4}`), ""},
	{"a small letter after a full stop", regexp.MustCompile(`\pL[.?!] \p{Ll}`), ""},
	{"options that share a line", regexp.MustCompile(`[^\n]\{options\}|\{options\}[^\n]`), "pair."},
	{"a word of place, though pairs may come first", regexp.MustCompile(`(?i)\b(above|below|preceding)\b`), "pair."},
	{"a tag of the synthesizer", regexp.MustCompile(`<(CON|QUE|ANS)>|</(CON|END)>`), ""},
}

func fault(name, text string) string {
	for _, f := range faults {
		// Ends of labels stand within a line; separators are white space.
		if strings.HasPrefix(name, f.families) && name != "options.end" && name != "options.join" && !strings.HasSuffix(name, ".separator") && f.re.MatchString(text) {
			return f.what
		}
	}
	return ""
}

func TestNoFaultThatAPatternFinds(t *testing.T) {
	for _, name := range Families() {
		for _, e := range set.families[name].entries {
			for _, text := range []string{e.text, e.next} {
				if what := fault(name, text); what != "" {
					t.Errorf("%s:%d: %s: %q", e.file, e.line, what, text)
				}
			}
		}
	}
	for _, bad := range []string{"a \nb", "a  b", "a\tb", "a ,", "the the", "a\n\n\n\nb", "Stop. go", "x {options}", "{options} x", "Look above", "<QUE>"} {
		if fault("pair.options", bad) == "" {
			t.Errorf("no fault found in %q", bad)
		}
	}
}

// unpaired are brackets that stand alone: numbering, quotation and arrows.
var unpaired = regexp.MustCompile(`(?m)^(\{\w\}|\w)\)|^>|->|=>|[QA]>`)

var ofText = regexp.MustCompile(`(?i)\b(the|that) (text|passage|author|source)\b`)

// A pattern that speaks of the text needs one.
func TestPatternsThatSpeakOfATextNeedOne(t *testing.T) {
	needy := 0
	for _, name := range Families() {
		for _, e := range set.families[name].entries {
			if strings.HasPrefix(name, "pair.") && ofText.MatchString(e.text) && !e.needsText {
				t.Errorf("%s:%d speaks of a text and does not say that it needs one: %q", e.file, e.line, e.text)
			}
			if e.needsText {
				needy++
			}
		}
	}
	if needy < 20 {
		t.Errorf("only %d entries need a text", needy)
	}
	pair := []data.Pair{{Instruction: "i", Response: "r", Thought: "t"}}
	drawn := map[bool]int{}
	for i := range 600 {
		for _, text := range []string{"", " ", "text"} {
			c := data.Chain{ID: strconv.Itoa(i), Examples: []data.Example{{Document: data.Document{Text: "a text"}, Pairs: pair}, {Document: data.Document{Text: text}, Pairs: pair}}}
			r := set.Render(&c, 1)
			if !r.choice.picked["pair.thought"].needsText {
				continue
			}
			if drawn[text == "text"]++; text != "text" {
				t.Fatalf("an entry that needs a text was drawn for pairs without one: %s", r.Text)
			}
		}
	}
	if drawn[true] < 20 {
		t.Errorf("entries that need a text came %d of 600 times", drawn[true])
	}
}

// Each placeholder of a family is used by some entry, and quotes and brackets that
// are opened are closed.
func TestPlaceholdersAreUsedAndPairsClosed(t *testing.T) {
	for _, name := range Families() {
		r := rules[name]
		used := map[string]bool{}
		for _, e := range set.families[name].entries {
			for _, s := range append(slices.Clone(e.first), e.second...) {
				used[s.slot] = true
			}
			if name == "options.end" {
				continue
			}
			for _, text := range []string{e.text, e.next} {
				bare := unpaired.ReplaceAllString(text, "")
				for _, p := range []string{"()", "[]", "<>"} {
					if strings.Count(bare, p[:1]) != strings.Count(bare, p[1:]) {
						t.Errorf("%s:%d: %s is not closed in %q", e.file, e.line, p, text)
					}
				}
				if strings.Count(text, `"`)%2 != 0 {
					t.Errorf("%s:%d: quotes are not closed in %q", e.file, e.line, text)
				}
			}
		}
		for _, slot := range slices.Concat(r.need, r.allow, r.next) {
			if !used[slot] {
				t.Errorf("%s: no entry uses {%s}", name, slot)
			}
		}
	}
}
