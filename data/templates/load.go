package templates

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2/unstable"
)

//go:embed files/*.toml
var embedded embed.FS

// maxFile bounds a template file, in bytes.
const maxFile = 4 << 20

// entry is one template of a family.
type entry struct {
	text   string
	next   string
	weight float64
	file   string
	line   int
	first  pattern
	second pattern // of families with two forms
}

// family is the entries of one name with their running sums of weights.
type family struct {
	entries []entry
	sums    []float64
}

// Set is a checked collection of all families. It is immutable.
type Set struct {
	families map[string]*family
	none     map[string]bool // the none-phrases, folded
}

// Default is the embedded set, parsed once.
func Default() *Set { return defaultSet() }

var defaultSet = sync.OnceValue(func() *Set {
	s, err := Load()
	if err != nil {
		panic("templates: the embedded files are bad: " + err.Error())
	}
	return s
})

// Load gives the embedded set with the entries of the files added.
func Load(paths ...string) (*Set, error) {
	s := &Set{families: map[string]*family{}, none: map[string]bool{}}
	names, err := fs.Glob(embedded, "files/*.toml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b, err := embedded.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := s.add("templates/"+name, b); err != nil {
			return nil, err
		}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err == nil && info.Size() > maxFile {
			return nil, fmt.Errorf("%w: %s: more than %d MiB", ErrTemplate, path, maxFile>>20)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTemplate, err)
		}
		if err := s.add(path, b); err != nil {
			return nil, err
		}
	}
	return s, s.finish()
}

// add reads one file through the parser that keeps positions, so that every error
// has its line.
func (s *Set) add(file string, b []byte) error {
	var p unstable.Parser
	p.Reset(b)
	prefix := ""
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.Table:
			prefix = keyOf(n.Key()) + "."
		case unstable.KeyValue:
			if err := s.addFamily(&p, file, prefix+keyOf(n.Key()), n.Value()); err != nil {
				return err
			}
		case unstable.ArrayTable:
			return at(file, 0, "[[…]] is not used here: write [group] and family = [ … ]")
		}
	}
	if err := p.Error(); err != nil {
		line := 1
		if pe, ok := err.(*unstable.ParserError); ok && len(pe.Highlight) > 0 {
			line = p.Shape(p.Range(pe.Highlight)).Start.Line
		}
		return at(file, line, "%v", err)
	}
	return nil
}

func keyOf(it unstable.Iterator) string {
	var parts []string
	for it.Next() {
		parts = append(parts, string(it.Node().Data))
	}
	return strings.Join(parts, ".")
}

func lineOf(p *unstable.Parser, n *unstable.Node) int { return p.Shape(n.Raw).Start.Line }

func (s *Set) addFamily(p *unstable.Parser, file, name string, value *unstable.Node) error {
	r, ok := rules[name]
	if !ok {
		return at(file, keyLine(p, value), "unknown family %q (known: %s)", name, strings.Join(Families(), " "))
	}
	if value.Kind != unstable.Array {
		return at(file, keyLine(p, value), "family %q must be an array", name)
	}
	f := s.families[name]
	if f == nil {
		f = &family{}
		s.families[name] = f
	}
	for it := value.Children(); it.Next(); {
		e, err := readEntry(p, file, it.Node())
		if err != nil {
			return err
		}
		if problem := e.compile(name, r); problem != "" {
			return at(file, e.line, "%s: %s", name, problem)
		}
		f.entries = append(f.entries, e)
	}
	return nil
}

// keyLine is the line of the key that stands before a value.
func keyLine(p *unstable.Parser, value *unstable.Node) int {
	if key := value.Next(); key.Valid() {
		return lineOf(p, key)
	}
	return lineOf(p, value)
}

// readEntry reads "text" or { text = "…", next = "…", weight = 3 }.
func readEntry(p *unstable.Parser, file string, n *unstable.Node) (entry, error) {
	e := entry{weight: 1, file: file, line: lineOf(p, n)}
	if n.Kind == unstable.String {
		e.text = string(n.Data)
		return e, nil
	}
	if n.Kind != unstable.InlineTable {
		return e, at(file, e.line, "an entry is a string or { text, next, weight }")
	}
	for it := n.Children(); it.Next(); {
		kv := it.Node()
		key, value := keyOf(kv.Key()), kv.Value()
		switch {
		case key == "text" && value.Kind == unstable.String:
			e.text = string(value.Data)
		case key == "next" && value.Kind == unstable.String:
			e.next = string(value.Data)
		case key == "weight" && (value.Kind == unstable.Integer || value.Kind == unstable.Float):
			w, err := strconv.ParseFloat(string(value.Data), 64)
			if err != nil || !(w > 0 && w <= 1e9) {
				return e, at(file, e.line, "weight %s is not above 0 and at most 1e9", value.Data)
			}
			e.weight = w
		default:
			return e, at(file, e.line, "field %q of an entry is unknown or of a wrong type (text and next are strings, weight a number)", key)
		}
	}
	return e, nil
}

// compile parses an entry and checks it against its family.
func (e *entry) compile(name string, r rule) (problem string) {
	if r.names != nil {
		if !slices.Contains(r.names, e.text) {
			return fmt.Sprintf("%q is none of %s", e.text, strings.Join(r.names, ", "))
		}
		return ""
	}
	if e.first, problem = compile(e.text); problem != "" {
		return problem
	}
	if problem = e.first.check(r.need, r.allow); problem != "" {
		return problem
	}
	if name == "options.item" {
		problem = e.first.checkItem()
	}
	for _, s := range e.first {
		if r.bare && strings.TrimSpace(s.lit) != "" {
			return "words in a bare wrapper: they belong into wrapper.joined"
		}
	}
	if (r.next == nil) != (e.next == "") {
		return "this family has two forms, text and next, or only one"
	}
	if r.next == nil || problem != "" {
		return problem
	}
	if e.second, problem = compile(e.next); problem != "" {
		return problem
	}
	return e.second.check(r.next, nil)
}

// finish checks that every family has an entry and sums the weights.
func (s *Set) finish() error {
	for name := range rules {
		f := s.families[name]
		if f == nil || len(f.entries) == 0 {
			return fmt.Errorf("%w: family %q has no entry", ErrTemplate, name)
		}
		sum := 0.0
		for _, e := range f.entries {
			sum += e.weight
			f.sums = append(f.sums, sum)
		}
	}
	for _, e := range s.families["options.none"].entries {
		s.none[fold(e.text)] = true
	}
	return nil
}

// fold is how answers are compared with options and none-phrases: trimmed, without
// a last full stop, lower case.
func fold(s string) string {
	return strings.ToLower(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), ".")))
}

// Count is how many entries a family has.
func (s *Set) Count(name string) int {
	if f := s.families[name]; f != nil {
		return len(f.entries)
	}
	return 0
}
