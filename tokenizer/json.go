package tokenizer

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A strict JSON reader. encoding/json keeps the last of two equal keys, replaces broken strings and
// nests 10,000 deep; a file that two readers understand differently is one that we check and the
// library then reads as another. This one refuses all three.

const maxDepth = 32 // a tokenizer.json nests about ten deep

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

func (k kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// node is one JSON value. keys and items run in file order.
type node struct {
	kind  kind
	bool  bool
	text  string // of a string, unescaped; of a number, as written
	keys  []string
	items []node
}

type reader struct {
	in  []byte
	pos int
}

// parseJSON reads one JSON value that fills in, blanks aside.
func parseJSON(in []byte) (node, error) {
	r := &reader{in: in}
	n, err := r.value(0)
	if err != nil {
		return node{}, err
	}
	if r.skip(); r.pos != len(in) {
		return node{}, r.fail("text after the end of the JSON value")
	}
	return n, nil
}

func (r *reader) fail(format string, args ...any) error {
	line, column := 1, 1
	for _, b := range r.in[:min(r.pos, len(r.in))] {
		column++
		if b == '\n' {
			line, column = line+1, 1
		}
	}
	return invalid("", "line %d, column %d: %s", line, column, fmt.Sprintf(format, args...))
}

func (r *reader) skip() {
	for r.pos < len(r.in) {
		switch r.in[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

// next returns the byte at the cursor after blanks, 0 at the end of the file.
func (r *reader) next() byte {
	r.skip()
	if r.pos == len(r.in) {
		return 0
	}
	return r.in[r.pos]
}

func (r *reader) value(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, r.fail("nested deeper than %d", maxDepth)
	}
	switch c := r.next(); {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '"':
		s, err := r.string()
		return node{kind: kindString, text: s}, err
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	case r.literal("true"):
		return node{kind: kindBool, bool: true}, nil
	case r.literal("false"):
		return node{kind: kindBool}, nil
	case r.literal("null"):
		return node{kind: kindNull}, nil
	case r.pos == len(r.in):
		return node{}, r.fail("the file ends inside a JSON value")
	}
	return node{}, r.fail("not a JSON value")
}

func (r *reader) literal(word string) bool {
	end := r.pos + len(word)
	if end > len(r.in) || string(r.in[r.pos:end]) != word {
		return false
	}
	r.pos = end
	return true
}

func (r *reader) object(depth int) (node, error) {
	n := node{kind: kindObject}
	seen := map[string]bool{}
	r.pos++ // {
	if r.next() == '}' {
		r.pos++
		return n, nil
	}
	for {
		if r.next() != '"' {
			return n, r.fail("expected a key in quotes")
		}
		key, err := r.string()
		if err != nil {
			return n, err
		}
		if seen[key] {
			return n, r.fail("key %s stands twice", quote(key))
		}
		seen[key] = true
		if r.next() != ':' {
			return n, r.fail("expected ':' after key %s", quote(key))
		}
		r.pos++
		item, err := r.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.keys, n.items = append(n.keys, key), append(n.items, item)
		if end, err := r.separator('}'); end || err != nil {
			return n, err
		}
	}
}

func (r *reader) array(depth int) (node, error) {
	n := node{kind: kindArray}
	r.pos++ // [
	if r.next() == ']' {
		r.pos++
		return n, nil
	}
	for {
		item, err := r.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, item)
		if end, err := r.separator(']'); end || err != nil {
			return n, err
		}
	}
}

// separator steps over a comma, or over the closing bracket and says so.
func (r *reader) separator(closing byte) (end bool, err error) {
	switch r.next() {
	case ',':
		r.pos++
		return false, nil
	case closing:
		r.pos++
		return true, nil
	}
	return false, r.fail("expected ',' or '%c'", closing)
}

// number checks the grammar -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)? and keeps the text.
func (r *reader) number() (node, error) {
	start := r.pos
	digits := func() bool {
		from := r.pos
		for r.pos < len(r.in) && '0' <= r.in[r.pos] && r.in[r.pos] <= '9' {
			r.pos++
		}
		return r.pos > from
	}
	at := func(chars ...byte) bool {
		for _, c := range chars {
			if r.pos < len(r.in) && r.in[r.pos] == c {
				r.pos++
				return true
			}
		}
		return false
	}
	at('-')
	ok := at('0') || digits()
	if ok && at('.') {
		ok = digits()
	}
	if ok && at('e', 'E') {
		at('+', '-')
		ok = digits()
	}
	if !ok {
		return node{}, r.fail("malformed number")
	}
	return node{kind: kindNumber, text: string(r.in[start:r.pos])}, nil
}

// string reads a quoted string. Most have no escape and are one slice of the file.
func (r *reader) string() (string, error) {
	r.pos++ // "
	start := r.pos
	for ; r.pos < len(r.in); r.pos++ {
		switch c := r.in[r.pos]; {
		case c == '"':
			s := r.in[start:r.pos]
			if !utf8.Valid(s) {
				return "", r.fail("string is not valid UTF-8")
			}
			r.pos++
			return string(s), nil
		case c == '\\':
			return r.escaped(start)
		case c < ' ':
			return "", r.fail("control character 0x%02x in a string", c)
		}
	}
	return "", r.fail("the file ends inside a string")
}

// escaped finishes a string that began at start and has its first backslash at the cursor.
func (r *reader) escaped(start int) (string, error) {
	s := append([]byte(nil), r.in[start:r.pos]...)
	for r.pos < len(r.in) {
		c := r.in[r.pos]
		switch {
		case c == '"':
			if !utf8.Valid(s) {
				return "", r.fail("string is not valid UTF-8")
			}
			r.pos++
			return string(s), nil
		case c < ' ':
			return "", r.fail("control character 0x%02x in a string", c)
		case c != '\\':
			s = append(s, c)
			r.pos++
		default:
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			s = utf8.AppendRune(s, char)
		}
	}
	return "", r.fail("the file ends inside a string")
}

var simpleEscapes = map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads one escape sequence; half a surrogate pair is an error.
func (r *reader) escape() (rune, error) {
	if r.pos+1 >= len(r.in) {
		return 0, r.fail("the file ends inside a string")
	}
	if char, ok := simpleEscapes[r.in[r.pos+1]]; ok {
		r.pos += 2
		return char, nil
	}
	char, ok := r.hexEscape()
	if !ok {
		return 0, r.fail("malformed escape in a string")
	}
	if utf16.IsSurrogate(char) {
		low, ok := r.hexEscape()
		char = utf16.DecodeRune(char, low)
		if !ok || char == utf8.RuneError {
			return 0, r.fail("half a surrogate pair in a string")
		}
	}
	return char, nil
}

// hexEscape reads \uXXXX.
func (r *reader) hexEscape() (rune, bool) {
	if r.pos+6 > len(r.in) || r.in[r.pos] != '\\' || r.in[r.pos+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(r.in[r.pos+2:r.pos+6]), 16, 16)
	if err != nil {
		return 0, false
	}
	r.pos += 6
	return rune(v), true
}

// quote shows s in an error message: escaped, and cut when it is long.
func quote(s string) string {
	if len(s) > 60 {
		return strconv.QuoteToASCII(s[:60]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
