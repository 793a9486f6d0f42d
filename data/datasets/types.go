package datasets

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// many reads a list of objects, and also what Hugging Face stores for one: an object of
// parallel lists. One object without lists is a list of one.
type many[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (m *many[T]) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '{' {
		return json.Unmarshal(b, (*[]T)(m))
	}
	var columns map[string]json.RawMessage
	if err := json.Unmarshal(b, &columns); err != nil {
		return err
	}
	rows, err := transpose(columns)
	if err != nil {
		return err
	}
	if rows == nil {
		rows = []json.RawMessage{b}
	}
	*m = make([]T, len(rows))
	for i, row := range rows {
		if err := json.Unmarshal(row, &(*m)[i]); err != nil {
			return err
		}
	}
	return nil
}

// transpose turns parallel lists into rows; nil when a member is no list. Null is a list
// that is not there.
func transpose(columns map[string]json.RawMessage) ([]json.RawMessage, error) {
	objects := []map[string]json.RawMessage{}
	length := -1
	for name, column := range columns {
		if string(column) == "null" {
			continue
		}
		if column[0] != '[' {
			return nil, nil
		}
		var cells []json.RawMessage
		if err := json.Unmarshal(column, &cells); err != nil {
			return nil, err
		}
		if length >= 0 && len(cells) != length {
			return nil, fmt.Errorf("parallel lists of %d and %d elements", length, len(cells))
		}
		length = len(cells)
		for i, cell := range cells {
			if i == len(objects) {
				objects = append(objects, map[string]json.RawMessage{})
			}
			objects[i][name] = cell
		}
	}
	rows := make([]json.RawMessage, len(objects))
	for i, o := range objects {
		b, err := json.Marshal(o)
		if err != nil {
			return nil, err
		}
		rows[i] = b
	}
	return rows, nil
}

// text is a string; numbers and booleans count as what they look like, null as "".
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		return json.Unmarshal(b, (*string)(t))
	case '{', '[':
		return errors.New("a string was expected, found an object or a list")
	case 'n':
		*t = ""
		return nil
	}
	*t = text(b)
	return nil
}

// texts is a list of strings; a single one is a list of one.
type texts []text

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	if b[0] != '[' && b[0] != 'n' {
		var one text
		err := json.Unmarshal(b, &one)
		*t = texts{one}
		return err
	}
	return json.Unmarshal(b, (*[]text)(t))
}

func (t texts) strings() []string {
	out := make([]string, len(t))
	for i, s := range t {
		out[i] = string(s)
	}
	return out
}

// answer is a gold answer: its text and where it starts in the context, in characters; -1
// where that is not told. A plain string is the text alone.
type answer struct {
	Text  string
	Start int
}

// UnmarshalJSON implements json.Unmarshaler.
func (a *answer) UnmarshalJSON(b []byte) error {
	var raw struct {
		Text  text `json:"text"`
		Start *int `json:"answer_start"`
	}
	if b[0] == '{' {
		if err := json.Unmarshal(b, &raw); err != nil {
			return err
		}
	} else if err := raw.Text.UnmarshalJSON(b); err != nil {
		return err
	}
	*a = answer{string(raw.Text), -1}
	if raw.Start != nil {
		a.Start = *raw.Start
	}
	return nil
}

// span is where the answer stands.
func (a answer) span() span {
	if a.Start < 0 {
		return span{}
	}
	return span{a.Start, a.Start + len([]rune(a.Text))}
}

// choice is one option of a question with its label.
type choice struct {
	Text  text `json:"text"`
	Label text `json:"label"`
}

func choiceTexts(list []choice) (options []string) {
	for _, c := range list {
		options = append(options, string(c.Text))
	}
	return options
}

// labelled is the index of the choice with a label, or -1.
func labelled(list []choice, label text) int {
	for i, c := range list {
		if c.Label == label && label != "" {
			return i
		}
	}
	return -1
}

// letter is the index that a letter of either case stands for, or -1.
func letter(s text) int {
	l := strings.ToUpper(strings.TrimSpace(string(s)))
	if len(l) != 1 || l[0] < 'A' || l[0] > 'Z' {
		return -1
	}
	return int(l[0] - 'A')
}

// number is the index that decimal digits stand for, or -1.
func number(s text) int {
	n, err := strconv.Atoi(strings.TrimSpace(string(s)))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// letterOrNumber takes whichever of the two it is.
func letterOrNumber(s text) int {
	if n := number(s); n >= 0 {
		return n
	}
	return letter(s)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *stem) UnmarshalJSON(b []byte) error {
	if b[0] != '{' {
		return s.Stem.UnmarshalJSON(b)
	}
	type plain stem
	return json.Unmarshal(b, (*plain)(s))
}
