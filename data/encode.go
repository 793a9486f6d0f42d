package data

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Record is what can be written as one JSON line.
type Record interface {
	// AppendJSON appends the record's one JSON form: known fields in a fixed
	// order, empty ones left out, then unknown fields sorted by name.
	AppendJSON(dst []byte) ([]byte, error)
}

// fields builds one JSON object; the first error sticks.
type fields struct {
	b     []byte
	first bool
	known []string
	err   error
}

func object(dst []byte) *fields { return &fields{b: append(dst, '{'), first: true} }

func (f *fields) key(name string) {
	if !f.first {
		f.b = append(f.b, ',')
	}
	f.first = false
	f.b = append(appendString(f.b, name), ':')
}

func (f *fields) text(name, value string) {
	f.known = append(f.known, name)
	if value == "" {
		return
	}
	f.key(name)
	f.b = appendString(f.b, value)
}

// list writes an array whose elements add appends one by one.
func (f *fields) list(name string, n int, add func(dst []byte, i int) ([]byte, error)) {
	f.known = append(f.known, name)
	if n == 0 {
		return
	}
	f.key(name)
	f.b = append(f.b, '[')
	for i := range n {
		if i > 0 {
			f.b = append(f.b, ',')
		}
		b, err := add(f.b, i)
		if err != nil && f.err == nil {
			f.err = err
		}
		f.b = b
	}
	f.b = append(f.b, ']')
}

func (f *fields) scores(name string, scores map[string]float64) {
	f.known = append(f.known, name)
	if len(scores) == 0 {
		return
	}
	f.key(name)
	for i, k := range slices.Sorted(maps.Keys(scores)) {
		f.b = append(f.b, "{,"[min(i, 1)])
		v := scores[k]
		if (math.IsNaN(v) || math.IsInf(v, 0)) && f.err == nil {
			f.err = fmt.Errorf("score %q is %v, which JSON cannot hold", k, v)
		}
		f.b = append(appendString(f.b, k), ':')
		f.b = strconv.AppendFloat(f.b, v, 'g', -1, 64)
	}
	f.b = append(f.b, '}')
}

func (f *fields) end(extra map[string]json.RawMessage) ([]byte, error) {
	for _, k := range slices.Sorted(maps.Keys(extra)) {
		if slices.Contains(f.known, k) && f.err == nil {
			f.err = fmt.Errorf("unknown field %q has the name of a known one", k)
		}
		f.key(k)
		f.b = append(f.b, extra[k]...)
	}
	return append(f.b, '}'), f.err
}

func (d *Document) head(f *fields) {
	f.text("id", d.ID)
	f.text("text", d.Text)
	f.text("title", d.Title)
	f.text("source", d.Source)
	f.text("domain", d.Domain)
}

// AppendJSON implements Record.
func (d Document) AppendJSON(dst []byte) ([]byte, error) {
	f := object(dst)
	d.head(f)
	return f.end(d.Extra)
}

// AppendJSON implements Record.
func (p Pair) AppendJSON(dst []byte) ([]byte, error) {
	f := object(dst)
	f.text("instruction", p.Instruction)
	f.text("response", p.Response)
	f.list("options", len(p.Options), func(b []byte, i int) ([]byte, error) {
		return appendString(b, p.Options[i]), nil
	})
	f.text("thought", p.Thought)
	f.scores("scores", p.Scores)
	return f.end(p.Extra)
}

// AppendJSON implements Record.
func (e Example) AppendJSON(dst []byte) ([]byte, error) {
	f := object(dst)
	e.head(f)
	f.list("pairs", len(e.Pairs), func(b []byte, i int) ([]byte, error) {
		return e.Pairs[i].AppendJSON(b)
	})
	return f.end(e.Extra)
}

// AppendJSON implements Record.
func (c Chain) AppendJSON(dst []byte) ([]byte, error) {
	f := object(dst)
	f.text("id", c.ID)
	f.list("examples", len(c.Examples), func(b []byte, i int) ([]byte, error) {
		return c.Examples[i].AppendJSON(b)
	})
	return f.end(c.Extra)
}

// MarshalJSON gives the form of AppendJSON to encoding/json.
func (d Document) MarshalJSON() ([]byte, error) { return d.AppendJSON(nil) }

// MarshalJSON gives the form of AppendJSON to encoding/json.
func (p Pair) MarshalJSON() ([]byte, error) { return p.AppendJSON(nil) }

// MarshalJSON gives the form of AppendJSON to encoding/json.
func (e Example) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil) }

// MarshalJSON gives the form of AppendJSON to encoding/json.
func (c Chain) MarshalJSON() ([]byte, error) { return c.AppendJSON(nil) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Document) UnmarshalJSON(b []byte) (err error) { *d, err = DecodeDocument(b, ""); return err }

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Pair) UnmarshalJSON(b []byte) (err error) {
	if !json.Valid(b) {
		return broken("no valid JSON")
	}
	*p, err = pairOf(b)
	return err
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Example) UnmarshalJSON(b []byte) (err error) { *e, err = DecodeExample(b, ""); return err }

// UnmarshalJSON reads what MarshalJSON wrote.
func (c *Chain) UnmarshalJSON(b []byte) (err error) { *c, err = DecodeChain(b, ""); return err }

const hexDigits = "0123456789abcdef"

// appendString quotes s: the shortest escapes, everything else as it is, invalid
// UTF-8 as U+FFFD, so that equal strings always give equal bytes.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0 // what lies between it and i goes as it is, in one piece
	for i := 0; i < len(s); {
		c := s[i]
		if itself[c] {
			i++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			if r, n = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		switch {
		case r == utf8.RuneError:
			dst = utf8.AppendRune(dst, r)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i += n
		from = i
	}
	return append(append(dst, s[from:]...), '"')
}

// itself are the bytes that stand for themselves between quotes.
var itself = func() (is [256]bool) {
	for c := range is {
		is[c] = c >= 0x20 && c < 0x7f && c != '"' && c != '\\'
	}
	return is
}()
