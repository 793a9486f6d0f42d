package hf

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// decodeObject reads one JSON object strictly: valid UTF-8, no key twice, nothing after it. Values stay raw; keys come in
// the order of the file.
func decodeObject(b []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, fmt.Errorf("not a JSON object")
	}
	out := map[string]json.RawMessage{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := tok.(string)
		if !ok {
			return nil, fmt.Errorf("not a JSON object")
		}
		if _, ok := out[key]; ok {
			return nil, fmt.Errorf("%q stands twice", key)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
		out[key] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("more text after the JSON object")
	}
	return out, nil
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// fields takes typed values out of an object and remembers the first error and what was taken.
type fields struct {
	where string // prefix of field names in errors
	raw   map[string]json.RawMessage
	err   error
}

func (f *fields) fail(name, format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%s%s: %s", f.where, name, fmt.Sprintf(format, args...))
	}
}

// take removes a field; a null counts as absent.
func (f *fields) take(name string) (json.RawMessage, bool) {
	raw, ok := f.raw[name]
	delete(f.raw, name)
	return raw, ok && !isNull(raw)
}

// value decodes a field into a pointer; a missing or null one is an error when required.
func value[T any](f *fields, name string, required bool) (out T, ok bool) {
	raw, ok := f.take(name)
	if !ok {
		if required {
			f.fail(name, "missing; it changes what the model computes, so no default is assumed: add it")
		}
		return out, false
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		f.fail(name, "is %.40s, expected %s", raw, kindOf(out))
		return out, false
	}
	return out, true
}

func need[T any](f *fields, name string) T {
	v, _ := value[T](f, name, true)
	return v
}

// mustBe refuses a field whose only supported value is want, when it is there at all.
func mustBe[T comparable](f *fields, name string, want T, why string) {
	if v, ok := value[T](f, name, false); ok && v != want {
		f.fail(name, "is %v, supported is %v: %s", v, want, why)
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case int64, int32:
		return "a whole number"
	case float64:
		return "a number"
	case bool:
		return "true or false"
	case string:
		return "a string"
	}
	return fmt.Sprintf("%T", v)
}
