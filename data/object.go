package data

import (
	"bytes"
	"encoding/json"
	"fmt"

	gojson "github.com/goccy/go-json"
)

// unmarshal decodes one JSON value: the only door to the fast decoder. The value
// has been checked by encoding/json, so the decoder never sees malformed bytes.
// Values with surrogate escapes go to encoding/json, whose rule for lone ones
// (U+FFFD) is the documented one.
func unmarshal(raw []byte, v any) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decoder failed: %v", r)
		}
	}()
	if bytes.Contains(raw, []byte(`\ud`)) || bytes.Contains(raw, []byte(`\uD`)) {
		return json.Unmarshal(raw, v)
	}
	return gojson.Unmarshal(raw, v)
}

// member is one key of an object with the bytes of its value.
type member struct {
	key string
	raw []byte // points into the line
}

// splitObject cuts a valid JSON object into its members, in order. A key that
// stands twice is an error: which of the two is meant cannot be known.
func splitObject(b []byte) ([]member, error) {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return nil, broken("a JSON object was expected, found %s", kindOf(b))
	}
	members := make([]member, 0, 8)
	for i = skipSpace(b, i+1); b[i] != '}'; i = skipSpace(b, i) {
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
		end := skipValue(b, i)
		key, err := unquote(b[i:end])
		if err != nil {
			return nil, err
		}
		i = skipSpace(b, skipSpace(b, end)+1) // past the colon
		end = skipValue(b, i)
		members = append(members, member{key, b[i:end]})
		i = end
	}
	return members, checkTwice(members)
}

// checkTwice refuses repeated keys, by comparing all for few members and through
// a set for many, so that a hostile line of a million keys stays cheap.
func checkTwice(members []member) error {
	if len(members) <= 16 {
		for i := range members {
			for j := range i {
				if members[i].key == members[j].key {
					return broken("key %q stands twice", members[i].key)
				}
			}
		}
		return nil
	}
	seen := make(map[string]struct{}, len(members))
	for _, m := range members {
		if _, dup := seen[m.key]; dup {
			return broken("key %q stands twice", m.key)
		}
		seen[m.key] = struct{}{}
	}
	return nil
}

// splitArray cuts a valid JSON array into its elements.
func splitArray(field string, b []byte) ([][]byte, error) {
	i := skipSpace(b, 0)
	if b[i] != '[' {
		return nil, broken("field %q: an array was expected, found %s", field, kindOf(b))
	}
	var elements [][]byte
	for i = skipSpace(b, i+1); b[i] != ']'; i = skipSpace(b, i) {
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
		end := skipValue(b, i)
		elements = append(elements, b[i:end])
		i = end
	}
	return elements, nil
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue gives the end of the valid JSON value that starts at i. It keeps a
// depth, not a stack: brackets are known to match.
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch b[i] {
			case '"':
				i = skipString(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i < len(b) && bytes.IndexByte([]byte(",]} \t\r\n:"), b[i]) < 0 {
		i++
	}
	return i
}

func skipString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func unquote(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	err := unmarshal(raw, &s)
	return s, err
}

func kindOf(b []byte) string {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return "nothing"
	}
	switch b[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
