package hf

import (
	"encoding/json"
	"fmt"
	"math"
)

// headerParser is a one-pass reader of the only JSON a header may hold. It is our own since a general decoder takes
// duplicate keys, builds values of any depth and needs seconds for what can be refused at once.
type headerParser struct {
	text    []byte
	at      int
	entries []Entry
	seen    map[string]bool
}

const metadataKey = "__metadata__"

// header reads the outer object: tensors by name, and possibly metadata.
func (p *headerParser) header() error {
	err := p.object(p.seen, func(key string) error {
		if key == metadataKey {
			return p.object(map[string]bool{}, func(string) error { _, err := p.str(); return err })
		}
		if len(p.entries) >= maxTensors {
			return fmt.Errorf("more than %d tensors", maxTensors)
		}
		return p.entry(key)
	})
	if err != nil {
		return err
	}
	for ; p.at < len(p.text); p.at++ {
		if p.text[p.at] != ' ' {
			return fmt.Errorf("text after the header's object")
		}
	}
	return nil
}

// entry reads one tensor's object.
func (p *headerParser) entry(name string) error {
	e := Entry{Name: name}
	fields := map[string]bool{}
	err := p.object(fields, func(key string) (err error) {
		switch key {
		case "dtype":
			e.DType, err = p.str()
		case "shape":
			e.Shape, err = p.numbers(maxRank)
		case "data_offsets":
			var r []int64
			if r, err = p.numbers(2); err == nil && len(r) != 2 {
				err = fmt.Errorf("%q: data_offsets has %d numbers, not 2", name, len(r))
			}
			if err == nil {
				e.Begin, e.End = r[0], r[1]
			}
		default:
			err = fmt.Errorf("%q: unknown field %q", name, key)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(fields) != 3 {
		return fmt.Errorf("%q: needs dtype, shape and data_offsets", name)
	}
	p.entries = append(p.entries, e)
	return nil
}

// object reads {"key": value, …}; value reads what follows a colon. A key that is in seen is refused.
func (p *headerParser) object(seen map[string]bool, value func(key string) error) error {
	if err := p.expect('{'); err != nil {
		return err
	}
	if p.next('}') {
		return nil
	}
	for {
		key, err := p.str()
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%q stands twice", key)
		}
		seen[key] = true
		if err := p.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if p.next(',') {
			continue
		}
		return p.expect('}')
	}
}

// numbers reads a list of at most limit whole numbers from 0 to 2^63-1, without sign, fraction, exponent or leading zero.
func (p *headerParser) numbers(limit int) ([]int64, error) {
	if err := p.expect('['); err != nil {
		return nil, err
	}
	out := []int64{}
	if p.next(']') {
		return out, nil
	}
	for {
		n, err := p.number()
		if err != nil {
			return nil, err
		}
		if len(out) == limit {
			return nil, fmt.Errorf("a list of more than %d numbers", limit)
		}
		out = append(out, n)
		if p.next(',') {
			continue
		}
		return out, p.expect(']')
	}
}

func (p *headerParser) number() (int64, error) {
	p.blanks()
	start, n := p.at, int64(0)
	for ; p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9'; p.at++ {
		d := int64(p.text[p.at] - '0')
		if n > (math.MaxInt64-d)/10 {
			return 0, fmt.Errorf("a number beyond 2^63")
		}
		n = n*10 + d
	}
	if p.at == start {
		return 0, fmt.Errorf("expected a whole number from 0")
	}
	if p.text[start] == '0' && p.at > start+1 {
		return 0, fmt.Errorf("a number with a leading zero")
	}
	return n, nil
}

// str reads a string. The common one without escapes is cut out; encoding/json decodes the others.
func (p *headerParser) str() (string, error) {
	p.blanks()
	start := p.at
	if p.at >= len(p.text) || p.text[p.at] != '"' {
		return "", fmt.Errorf("expected a string")
	}
	escaped := false
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			if !escaped {
				return string(p.text[start+1 : p.at-1]), nil
			}
			var s string
			if err := json.Unmarshal(p.text[start:p.at], &s); err != nil {
				return "", fmt.Errorf("a broken string: %w", err)
			}
			return s, nil
		case c == '\\':
			escaped = true
			p.at++
		case c < ' ':
			return "", fmt.Errorf("a control character in a string")
		}
	}
	p.at = len(p.text)
	return "", fmt.Errorf("a string without an end")
}

func (p *headerParser) blanks() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n' || p.text[p.at] == '\t' || p.text[p.at] == '\r') {
		p.at++
	}
}

// next skips blanks and takes c if it is there.
func (p *headerParser) next(c byte) bool {
	p.blanks()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *headerParser) expect(c byte) error {
	if !p.next(c) {
		return fmt.Errorf("expected %q", c)
	}
	return nil
}
