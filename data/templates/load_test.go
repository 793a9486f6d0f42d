package templates

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
)

func file(t *testing.T, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "mine.toml")
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestUserFilesAdd(t *testing.T) {
	s, err := Load(file(t, "[pair]\nfree_form = [\n  { text = \"<<{instruction}>> {{{response}}}\", weight = 1e9 },\n]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Count("pair.free_form") != set.Count("pair.free_form")+1 {
		t.Error("the entry was not added")
	}
	for i := range 60 {
		c := data.Chain{ID: string(rune('a' + i)), Examples: []data.Example{{Pairs: []data.Pair{{Instruction: "i", Response: "r"}}}}}
		if r := s.Render(&c, 1); r.Layout == Classic && !strings.HasSuffix(r.Text, "<<i>> {r}") {
			t.Errorf("the heavy entry was not drawn: %q", r.Text)
		}
	}
}

func TestFingerprints(t *testing.T) {
	seen := map[string]bool{}
	one, two := file(t, "[options]\nend = [\"%\"]"), file(t, "[options]\nend = [\"&\"]")
	for _, paths := range [][]string{nil, {one}, {two}, {one, two}, {two, one}} {
		for _, load := range []func(...string) (*Set, error){Load, LoadSmall} {
			s, err := load(paths...)
			if err != nil {
				t.Fatal(err)
			}
			seen[s.Fingerprint()] = true
		}
	}
	if len(seen) != 10 {
		t.Errorf("10 sets have %d fingerprints", len(seen))
	}
	if set.Fingerprint() != fresh.Fingerprint() {
		t.Error("two fingerprints of one set")
	}
}

func TestBadFilesNameTheLine(t *testing.T) {
	for _, c := range []struct{ content, say string }{
		{"[pair]\nfree_form = [\n \"{instruction}\",\n]", "mine.toml:3: pair.free_form: text: placeholder {response} must stand exactly once"},
		{"[pair]\nfree_form = [\n \"{instruction} {response}\",\n \"{instruction} {answer}\",\n]", "mine.toml:4: pair.free_form: text: unknown placeholder {answer} (known here: {instruction} {response})"},
		{"[pair]\n\nfree = [\"a\"]", "mine.toml:3: unknown family \"pair.free\""},
		{"[pair]\nfree_form = \"a\"", "mine.toml:2: family \"pair.free_form\" must be an array"},
		{"[pair]\nfree_form = [ 3 ]", "mine.toml:2: pair.free_form: an entry is a string"},
		{"[pair]\nfree_form = [ {text = \"{instruction} {response}\", weight = -1} ]", "mine.toml:2: pair.free_form: weight: -1"},
		{"[pair]\nfree_form = [ {txt = \"{instruction} {response}\"} ]", "field \"txt\""},
		{"[pair]\nfree_form = [ \"{instruction} {response} {\" ]", "without its }"},
		{"[pair]\nfree_form = [ \"{instruction} {response} }\" ]", "without its {"},
		{"[pair]\nfree_form = [ \"{} {instruction} {response}\" ]", "empty placeholder"},
		{"[options]\nitem = [ \"{option} {a}\" ]", "must stand last"},
		{"[options]\nitem = [ \"{a}{A} {option}\" ]", "more than one counter"},
		{"[options]\nitem = [ \"{end} {option}\" ]", "without a counter"},
		{"[options]\nheading = [ \"{x}\" ]", "this family has none"},
		{"[wrapper]\nbare = [ \"words {text} {pairs}\" ]", "words in a bare wrapper"},
		{"[layout]\nany = [ \"numbered\" ]", "none of classic, dialogue"},
		{"[numbered]\nitem = [ \"{n} {instruction}\" ]", "mine.toml:2: numbered.item: next: this family has two forms"},
		{"[numbered]\nitem = [\n {text = \"{n} {instruction}\",\n  next = \"{n} {x}\"} ]", "mine.toml:3: numbered.item: next: unknown placeholder {x}"},
		{"[pair]\nseparator = [ {text = \"a\", next = \"b\"} ]", "mine.toml:2: pair.separator: next: this family has one form only"},
		{"[bridge]\nphrase = [ {text = \"a\", needs = \"text\"} ]", "mine.toml:2: bridge.phrase: needs: only a pattern of a pair"},
		{"[pair]\nfree_form = [ {text = \"{instruction} {response}\", needs = \"x\"} ]", "pair.free_form: needs: \"x\" is not"},
		{"[layout]\nany = [ {text = \"classic\", next = \"b\"} ]", "layout.any: next: this"},
		{"[pair]\nseparator = [ {weight = 2} ]", "mine.toml:2: pair.separator: field text is missing"},
		{"[pair]\nseparator = [ {text = \"a\", text = \"b\"} ]", "field text stands twice"},
		{"[options]\nend = [\"%\",\n\"%\"]", "mine.toml:3: options.end: the same entry stands at line 2"},
		{"[options]\nend = [\"%\"]\n[options]\nend = [\"&\"]", "mine.toml:4: family \"options.end\" stands at line 2 already"},
		{"[options]\n# ok\nend = [\"\xff\"]", "mine.toml:3: invalid UTF-8"},
		{"[options]\n# \xff\nend = [\"%\"]", "mine.toml:2: invalid UTF-8"},
		{"[pair\nfree_form = []", "mine.toml:1:"},
		{"\n[[pair]]\nfree_form = []", "mine.toml:2: [[…]] is not used here"},
		{"x = [", "mine.toml:1:"},
	} {
		_, err := Load(file(t, c.content))
		if !errors.Is(err, ErrTemplate) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%q: %v\n  want %s", c.content, err, c.say)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent.toml")); !errors.Is(err, ErrTemplate) {
		t.Errorf("absent: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("[pair]\nfree_form = [ \"{instruction} {response}\" ]"))
	f.Add([]byte("[options]\nend = [ {text = \")\", weight = 2} ]"))
	f.Add([]byte("a.b.c = [[{}]]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newSet()
		_ = s.add("fuzz.toml", b) // an error or none, never a panic
	})
}

func TestTexts(t *testing.T) {
	lines := `{"id":"1","source":"b","text":"T1","pairs":[{"instruction":"Q1","response":"R1"}]}
{"id":"2","source":"a","text":"T2","pairs":[{"instruction":"Q2","response":"R2"}]}
{"id":"3","source":"b","text":"T3"}
{"id":"4","source":"b","text":"T4"}
{"id":"5","source":"b","text":"T5","pairs":[{"instruction":"Q5","response":"z","options":["x"]}]}
`
	read := func(kind Kind) (out []string, counts Counts) {
		for r, err := range set.Texts(kind, []string{data.Stdin}, 1, data.Options{Stdin: strings.NewReader(lines)}, &counts) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r.Text)
		}
		return out, counts
	}
	if got, _ := read(Raw); strings.Join(got, "|") != "T1|T2|T3|T4|T5" {
		t.Errorf("raw %q", got)
	}
	got, counts := read(Instructions)
	if got[0] != "T1\n\nQ1 R1" || counts.Dropped[NoOption] != 1 || counts.Pairs != 2 {
		t.Errorf("instructions %q %+v", got, counts)
	}
	got, _ = read(Tuning)
	if len(got) != 3 || !strings.Contains(got[0], "T1") || !strings.Contains(got[0], "T4") || !strings.Contains(got[1], "T2") || !strings.Contains(got[2], "T5") {
		t.Errorf("tuning %q", got)
	}
	if got, counts := read(Augmented); len(got) != 5 || counts.Units != 5 {
		t.Errorf("chains %q", got)
	}
	for _, err := range set.Texts("odd", nil, 1, data.Options{}, nil) {
		if err == nil || !strings.Contains(err.Error(), "odd") {
			t.Errorf("unknown kind: %v", err)
		}
	}
}
