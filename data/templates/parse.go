package templates

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is one template of a family.
type entry struct {
	text      string
	next      string
	weight    float64
	needsText bool // speaks of a text, and so goes with one only
	file      string
	line      int
	first     pattern
	second    pattern // of families with two forms
}

// add reads one file through the parser that keeps positions, so that every error
// has its line.
func (s *Set) add(file string, b []byte) error {
	s.mark(b)
	var p unstable.Parser
	p.Reset(b)
	prefix, seen := "", map[string]int{}
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.Table:
			prefix = keyOf(n.Key()) + "."
		case unstable.KeyValue:
			name, line := prefix+keyOf(n.Key()), keyLine(&p, n.Value())
			if first := seen[name]; first > 0 {
				return at(file, line, "family %q stands at line %d already: put its entries there", name, first)
			}
			seen[name] = line
			if err := s.addFamily(&p, file, name, line, n.Value()); err != nil {
				return err
			}
		case unstable.ArrayTable:
			line := 1
			if it := n.Key(); it.Next() {
				line = lineOf(&p, it.Node())
			}
			return at(file, line, "[[…]] is not used here: write [group] and family = [ … ]")
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

// keyLine is the line of the key that stands before a value.
func keyLine(p *unstable.Parser, value *unstable.Node) int {
	if key := value.Next(); key.Valid() {
		return lineOf(p, key)
	}
	return lineOf(p, value)
}

// addFamily reads the entries of one family. An entry may repeat one of another
// file, which adds to its weight, but not one of its own file.
func (s *Set) addFamily(p *unstable.Parser, file, name string, line int, value *unstable.Node) error {
	r, ok := rules[name]
	if !ok {
		return at(file, line, "unknown family %q (known: %s)", name, strings.Join(Families(), " "))
	}
	if value.Kind != unstable.Array {
		return at(file, line, "family %q must be an array", name)
	}
	f := s.families[name]
	if f == nil {
		f = &family{}
		s.families[name] = f
	}
	before := map[[2]string]int{}
	for it := value.Children(); it.Next(); {
		e := entry{weight: 1, file: file, line: lineOf(p, it.Node())}
		problem := e.read(it.Node())
		if problem == "" {
			problem = e.compile(name, r)
		}
		form := [2]string{e.text, e.next}
		if first := before[form]; problem == "" && first > 0 {
			problem = fmt.Sprintf("the same entry stands at line %d: give that one a weight", first)
		}
		if problem != "" {
			return at(file, e.line, "%s: %s", name, problem)
		}
		before[form] = e.line
		f.entries = append(f.entries, e)
	}
	return nil
}

// read reads "text" or { text = "…", next = "…", weight = 3, needs = "text" }.
func (e *entry) read(n *unstable.Node) (problem string) {
	switch n.Kind {
	case unstable.String:
		e.text = string(n.Data)
		return ""
	case unstable.InlineTable:
	default:
		return "an entry is a string or { text, next, weight, needs }"
	}
	seen := map[string]bool{}
	for it := n.Children(); it.Next(); {
		kv := it.Node()
		key := keyOf(kv.Key())
		if seen[key] {
			return "field " + key + " stands twice"
		}
		seen[key] = true
		if problem := e.field(key, kv.Value()); problem != "" {
			return problem
		}
	}
	if !seen["text"] {
		return "field text is missing"
	}
	return ""
}

func (e *entry) field(key string, value *unstable.Node) (problem string) {
	switch {
	case key == "text" && value.Kind == unstable.String:
		e.text = string(value.Data)
	case key == "next" && value.Kind == unstable.String:
		e.next = string(value.Data)
	case key == "weight" && (value.Kind == unstable.Integer || value.Kind == unstable.Float):
		w, err := strconv.ParseFloat(strings.ReplaceAll(string(value.Data), "_", ""), 64)
		if err != nil || !(w > 0 && w <= 1e9) {
			return fmt.Sprintf("weight: %s is not above 0 and at most 1e9", value.Data)
		}
		e.weight = w
	case key == "needs" && value.Kind == unstable.String:
		if string(value.Data) != "text" {
			return fmt.Sprintf("needs: %q is not \"text\"", value.Data)
		}
		e.needsText = true
	default:
		return fmt.Sprintf("field %q is unknown or of a wrong type (text, next and needs are strings, weight a number)", key)
	}
	return ""
}

// compile parses an entry and checks it against its family.
func (e *entry) compile(name string, r rule) (problem string) {
	if e.needsText && !r.needy {
		return "needs: only a pattern of a pair may need a text"
	}
	if r.names != nil {
		if !slices.Contains(r.names, e.text) {
			return fmt.Sprintf("text: %q is none of %s", e.text, strings.Join(r.names, ", "))
		}
		if e.next != "" {
			return "next: this family has one form only, text"
		}
		return ""
	}
	switch {
	case r.next == nil && e.next != "":
		return "next: this family has one form only, text"
	case r.next != nil && e.next == "":
		return "next: this family has two forms, text and next, and one is missing"
	}
	if e.first, problem = compileForm("text", e.text, r.need, r.allow); problem != "" {
		return problem
	}
	if name == "options.item" {
		if problem = e.first.checkItem(); problem != "" {
			return "text: " + problem
		}
	}
	for _, s := range e.first {
		if r.bare && strings.TrimSpace(s.lit) != "" {
			return "text: words in a bare wrapper: they belong into wrapper.joined"
		}
	}
	if r.next != nil {
		e.second, problem = compileForm("next", e.next, r.next, nil)
	}
	return problem
}

// compileForm compiles one form of an entry; field is its name in the file.
func compileForm(field, text string, need, allow []string) (p pattern, problem string) {
	p, problem = compile(text)
	if problem == "" {
		problem = p.check(need, allow)
	}
	if problem != "" {
		problem = field + ": " + problem
	}
	return p, problem
}
