package records

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
)

// peek is how far a JSON file is looked into to tell its layout.
const peek = 1 << 20

// lines reads JSON lines; a broken one costs itself only.
func (r *reader) lines(f io.Reader) error {
	return data.EachLine(f, func(n int64, line []byte) error {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
			return nil
		case !json.Valid(line):
			return r.broken(n, "no valid JSON")
		}
		return r.give(n, line)
	})
}

// json reads a file named .json, which may hold an array, one object, or lines.
func (r *reader) json(f io.Reader) error {
	br := bufio.NewReaderSize(f, peek)
	head, err := br.Peek(peek)
	if err != nil && err != io.EOF {
		return err
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return errors.New("the file is UTF-16: convert it to UTF-8")
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		if _, err := br.Discard(3); err != nil {
			return err
		}
		head = head[3:]
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 {
		return nil
	}
	if r.isLines(head) {
		return r.lines(br)
	}
	w := &walker{r: r, in: &budget{br, MaxRecord}}
	w.dec = json.NewDecoder(w.in)
	if err := w.file(head[0]); err != nil {
		return w.located(err)
	}
	return nil
}

// isLines tells whether the first line is a record by itself.
func (r *reader) isLines(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimSpace(line)
	if len(line) == 0 || line[0] != '{' || !json.Valid(line) {
		return false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(line, &members) != nil {
		return false
	}
	_, wrapped := members[r.opt.Under]
	return !wrapped && !(r.opt.Keyed != "" && startsWithObject(line))
}

// startsWithObject tells whether the first member of a valid object is an object.
func startsWithObject(line []byte) bool {
	dec := json.NewDecoder(bytes.NewReader(line))
	var tok json.Token
	for range 3 { // the brace, the key, the value's start
		var err error
		if tok, err = dec.Token(); err != nil {
			return false
		}
	}
	return tok == json.Delim('{')
}

// walker goes through a JSON file record by record without holding more than one.
type walker struct {
	r   *reader
	in  *budget
	dec *json.Decoder
	n   int64 // records handed out
}

func (w *walker) file(first byte) error {
	if first == '[' {
		if _, err := w.dec.Token(); err != nil {
			return err
		}
		if err := w.array(); err != nil {
			return err
		}
		return w.end()
	}
	for {
		if err := w.object(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// array hands out the elements of an array that has been opened, and closes it.
func (w *walker) array() error {
	for w.dec.More() {
		var raw json.RawMessage
		if err := w.next(&raw); err != nil {
			return err
		}
		if err := w.give(raw); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

// object takes one top object: the wrapper of an array, a map of ids, or a record.
func (w *walker) object() error {
	w.in.left = MaxRecord
	tok, err := w.dec.Token()
	if err != nil {
		return err
	}
	if tok != json.Delim('{') {
		return fmt.Errorf("an object or an array was expected, found %v", tok)
	}
	whole := []byte{'{'} // what the object is if it turns out to be a record
	keyed, wrapped := false, false
	for i := 0; w.dec.More(); i++ {
		key, err := w.dec.Token()
		if err != nil {
			return err
		}
		name := key.(string) // a key of an object is a string
		var raw json.RawMessage
		if r := w.r.opt.Under; r != "" && name == r {
			if wrapped, err = w.under(&raw); err != nil {
				return err
			}
			if wrapped {
				whole = nil
				continue
			}
		} else if err := w.next(&raw); err != nil {
			return err
		}
		if i == 0 {
			keyed = w.r.opt.Keyed != "" && raw[0] == '{'
		}
		switch {
		case wrapped:
		case keyed:
			if err := w.keyed(name, raw); err != nil {
				return err
			}
		case len(whole)+len(raw) > MaxRecord:
			return fmt.Errorf("%w: an object of more than %d MiB", data.ErrLimit, MaxRecord>>20)
		default:
			whole = appendMember(whole, name, raw)
		}
	}
	if _, err := w.dec.Token(); err != nil || keyed || wrapped {
		return err
	}
	return w.give(append(whole, '}'))
}

// under walks the array of records, or leaves a plain value in raw.
func (w *walker) under(raw *json.RawMessage) (bool, error) {
	w.in.left = MaxRecord
	tok, err := w.dec.Token()
	if err != nil {
		return false, noEOF(err)
	}
	switch tok {
	case json.Delim('['):
		return true, w.array()
	case json.Delim('{'):
		return false, fmt.Errorf("member %q is an object, not an array of records", w.r.opt.Under)
	}
	*raw, err = json.Marshal(tok)
	return false, err
}

// keyed hands out a record with its id put in front.
func (w *walker) keyed(id string, raw json.RawMessage) error {
	if raw[0] != '{' {
		w.n++
		return w.r.broken(w.n, "record %q is no object", id)
	}
	name, err := json.Marshal(id)
	if err != nil {
		return err
	}
	record := appendMember([]byte{'{'}, w.r.opt.Keyed, name)
	rest := bytes.TrimSpace(raw[1:])
	if rest[0] != '}' {
		record = append(record, ',')
	}
	return w.give(append(record, rest...))
}

func (w *walker) give(raw []byte) error {
	w.n++
	return w.r.give(w.n, raw)
}

func (w *walker) next(raw *json.RawMessage) error {
	w.in.left = MaxRecord
	return noEOF(w.dec.Decode(raw))
}

// end wants nothing but blanks behind the array.
func (w *walker) end() error {
	tok, err := w.dec.Token()
	if err == io.EOF {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%v behind the end of the array", tok)
	}
	return err
}

// located says behind which record the file is damaged.
func (w *walker) located(err error) error {
	if errors.Is(err, errStop) || errors.Is(err, data.ErrStream) || errors.Is(err, data.ErrLimit) {
		return err
	}
	return fmt.Errorf("%w: no valid JSON behind record %d: %w", data.ErrStream, w.n, noEOF(err))
}

// noEOF: inside a value the end of the file is too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func appendMember(object []byte, name string, raw []byte) []byte {
	if len(object) > 1 {
		object = append(object, ',')
	}
	key, err := json.Marshal(name)
	if err != nil {
		panic("records: a string does not encode")
	}
	object = append(append(object, key...), ':')
	return append(object, raw...)
}
