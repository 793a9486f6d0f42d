package datasets

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ordered is an object whose members keep the order of the file.
type ordered[T any] []entry[T]

type entry[T any] struct {
	Key   string
	Value T
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *ordered[T]) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	tok, err := dec.Token()
	if err != nil || tok == nil {
		return err // null is an empty object
	}
	if tok != json.Delim('{') {
		return fmt.Errorf("an object was expected, found %v", tok)
	}
	*o = nil
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		e := entry[T]{Key: key.(string)} // what else a key can be
		if err := dec.Decode(&e.Value); err != nil {
			return err
		}
		*o = append(*o, e)
	}
	return nil
}
