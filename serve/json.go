package serve

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// decoder reads one JSON text from the front to the end, and builds nothing: who calls it says what may stand where, so that no
// request takes more memory than what is kept of it. It is stricter than encoding/json: a key may stand once in an object, objects
// have at most maxFields fields, nesting ends at maxDepth, and the text is UTF-8. A lone surrogate escape is U+FFFD.
type decoder struct {
	b    []byte
	at   int
	path []step
}

// step is a key of an object, or a place in an array.
type step struct {
	key   string
	index int // of an array, where key is ""
}

const (
	maxDepth  = 32
	maxFields = 64
)

// newDecoder checks what holds for the whole text.
func newDecoder(body []byte) (*decoder, error) {
	d := &decoder{b: body}
	if !utf8.Valid(body) {
		return nil, d.bad("the body is not UTF-8")
	}
	if d.space(); d.at == len(body) {
		return nil, d.bad("the body is empty: a JSON object is needed")
	}
	return d, nil
}

// end makes sure that nothing follows.
func (d *decoder) end() error {
	if d.space(); d.at < len(d.b) {
		return d.syntax()
	}
	return nil
}

// bad refuses what stands at the current place of the request.
func (d *decoder) bad(format string, args ...any) *Error {
	return badField(d.where(), format, args...)
}

func (d *decoder) syntax() *Error {
	if d.at >= len(d.b) {
		return badField("", "the body is not JSON: it ends too early, at byte %d", d.at)
	}
	return badField("", "the body is not JSON: unexpected %q at byte %d", rune(d.b[d.at]), d.at)
}

// where names the current place: messages[0].content.
func (d *decoder) where() string {
	var b strings.Builder
	for i, s := range d.path {
		switch {
		case s.key == "":
			fmt.Fprintf(&b, "[%d]", s.index)
		case i > 0:
			b.WriteByte('.')
			fallthrough
		default:
			b.WriteString(short(s.key))
		}
	}
	return b.String()
}

// short keeps a client's own text in a message readable.
func short(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func (d *decoder) space() {
	for d.at < len(d.b) && (d.b[d.at] == ' ' || d.b[d.at] == '\n' || d.b[d.at] == '\t' || d.b[d.at] == '\r') {
		d.at++
	}
}

// next is the first byte of what follows, 0 at the end.
func (d *decoder) next() byte {
	if d.space(); d.at < len(d.b) {
		return d.b[d.at]
	}
	return 0
}

// kind names what follows, for messages: "a string".
func (d *decoder) kind() string {
	switch c := d.next(); {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == 't' || c == 'f':
		return "a boolean"
	case c == 'n':
		return "null"
	case c == '-' || '0' <= c && c <= '9':
		return "a number"
	}
	return ""
}

// want refuses another kind than the one wanted.
func (d *decoder) want(kind string) error {
	switch have := d.kind(); have {
	case kind:
		return nil
	case "":
		return d.syntax()
	default:
		return d.bad("%s must be %s, not %s", d.where(), kind, have)
	}
}

func (d *decoder) enter(s step) error {
	if len(d.path) >= maxDepth {
		return badField("", "the body is nested deeper than %d", maxDepth)
	}
	d.path = append(d.path, s)
	return nil
}

func (d *decoder) leave() { d.path = d.path[:len(d.path)-1] }

// object calls field for every key, with the decoder at its value, which field must read.
func (d *decoder) object(field func(key string) error) error { return d.members(maxFields, field) }

// members is object with another number of fields at most.
func (d *decoder) members(most int, field func(key string) error) error {
	if d.next() != '{' {
		return d.want("an object")
	}
	d.at++
	seen := map[string]bool{}
	for first := true; ; first = false {
		c := d.next()
		if c == '}' {
			d.at++
			return nil
		}
		if !first {
			if c != ',' {
				return d.syntax()
			}
			d.at++
			c = d.next()
		}
		if c != '"' {
			return d.syntax()
		}
		key, err := d.text()
		if err != nil {
			return err
		}
		if err := d.value(key, seen, most, field); err != nil {
			return err
		}
	}
}

// value reads the part of a field behind its key.
func (d *decoder) value(key string, seen map[string]bool, most int, field func(key string) error) error {
	if d.next() != ':' {
		return d.syntax()
	}
	d.at++
	if seen[key] {
		return badField(short(key), "%s stands twice in one object", short(key))
	}
	if seen[key] = true; len(seen) > most {
		return d.bad("an object has more than %d fields", most)
	}
	if err := d.enter(step{key: key}); err != nil {
		return err
	}
	if err := field(key); err != nil {
		return err
	}
	d.leave()
	return nil
}

// array calls item for every element, with the decoder at it, which item must read.
func (d *decoder) array(item func(i int) error) error {
	if d.next() != '[' {
		return d.want("an array")
	}
	d.at++
	for i := 0; ; i++ {
		c := d.next()
		if c == ']' && i == 0 {
			d.at++
			return nil
		}
		if err := d.enter(step{index: i}); err != nil {
			return err
		}
		if err := item(i); err != nil {
			return err
		}
		d.leave()
		switch d.next() {
		case ',':
			d.at++
		case ']':
			d.at++
			return nil
		default:
			return d.syntax()
		}
	}
}

// skip reads over a value, checking all of it.
func (d *decoder) skip() error {
	switch d.kind() {
	case "an object":
		return d.object(func(string) error { return d.skip() })
	case "an array":
		return d.array(func(int) error { return d.skip() })
	case "a string":
		_, err := d.text()
		return err
	case "a number":
		_, err := d.number()
		return err
	}
	if d.word("true") || d.word("false") || d.word("null") {
		return nil
	}
	return d.syntax()
}
