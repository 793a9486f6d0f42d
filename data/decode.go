package data

import (
	"bytes"
	"encoding/json"
)

// DecodeDocument reads one JSON line as a document. textField names the field
// that holds the text, "text" where it is empty. A blank text is an error.
func DecodeDocument(line []byte, textField string) (Document, error) {
	return decodeDocument(line, &Columns{Text: textField})
}

func decodeDocument(line []byte, columns *Columns) (Document, error) {
	members, err := parse(line)
	if err != nil {
		return Document{}, err
	}
	members = splice(members, fieldNames)
	var doc Document
	if err := doc.fill(members, columns); err != nil {
		return Document{}, err
	}
	if blank(doc.Text) {
		names := make([]string, len(members))
		for i, m := range members {
			names[i] = m.key
		}
		return Document{}, broken("%s", columns.unknownText(names))
	}
	return doc, nil
}

// DecodeExample reads one JSON line as an example: a document with pairs, a
// document alone, or a read_collection line. Text or a pair must be there.
func DecodeExample(line []byte, textField string) (Example, error) {
	return decodeExample(line, &Columns{Text: textField})
}

func decodeExample(line []byte, columns *Columns) (Example, error) {
	members, err := parse(line)
	if err != nil {
		return Example{}, err
	}
	return exampleOf(members, columns)
}

// DecodeChain reads one JSON line as a chain; an example alone is a chain of one.
func DecodeChain(line []byte, textField string) (Chain, error) {
	return decodeChain(line, &Columns{Text: textField})
}

func decodeChain(line []byte, columns *Columns) (Chain, error) {
	members, err := parse(line)
	if err != nil {
		return Chain{}, err
	}
	if valueOf(members, "examples") == nil {
		ex, err := exampleOf(members, columns)
		return Chain{ID: ex.ID, Examples: []Example{ex}}, err
	}
	var chain Chain
	for _, m := range splice(members, chainFields) {
		switch {
		case isNull(m.raw):
		case m.key == "examples":
			if chain.Examples, err = examplesOf(m.raw, columns); err != nil {
				return Chain{}, err
			}
		case m.key == "id":
			if chain.ID, err = idOf(m.raw); err != nil {
				return Chain{}, err
			}
		default:
			keep(&chain.Extra, m)
		}
	}
	if len(chain.Examples) == 0 {
		return Chain{}, broken("a chain without examples")
	}
	return chain, nil
}

// parse checks a line and cuts it into its members.
func parse(line []byte) ([]member, error) {
	if !json.Valid(line) {
		var v any
		if err := json.Unmarshal(line, &v); err != nil {
			return nil, broken("no valid JSON: %v", err)
		}
		return nil, broken("no valid JSON")
	}
	return splitObject(line)
}

func exampleOf(members []member, columns *Columns) (Example, error) {
	members = splice(members, fieldNames)
	if isRelease(members) {
		return releaseExample(members)
	}
	var ex Example
	rest := members[:0:0]
	for _, m := range members {
		if m.key != "pairs" {
			rest = append(rest, m)
			continue
		}
		if isNull(m.raw) {
			continue
		}
		elements, err := splitArray("pairs", m.raw)
		if err != nil {
			return Example{}, err
		}
		for i, e := range elements {
			p, err := pairOf(e)
			if err != nil {
				return Example{}, broken("pair %d: %v", i, trimBroken(err))
			}
			ex.Pairs = append(ex.Pairs, p)
		}
	}
	if err := ex.fill(rest, columns); err != nil {
		return Example{}, err
	}
	if blank(ex.Text) && len(ex.Pairs) == 0 {
		return Example{}, broken("neither field %q nor a pair", textName(columns.Text))
	}
	return ex, nil
}

func examplesOf(raw []byte, columns *Columns) ([]Example, error) {
	elements, err := splitArray("examples", raw)
	if err != nil {
		return nil, err
	}
	examples := make([]Example, 0, len(elements))
	for i, e := range elements {
		members, err := splitObject(e)
		if err == nil {
			var ex Example
			if ex, err = exampleOf(members, columns); err == nil {
				examples = append(examples, ex)
				continue
			}
		}
		return nil, broken("example %d: %v", i, trimBroken(err))
	}
	return examples, nil
}

// fill sets the document's fields from the members and keeps the unknown ones.
func (d *Document) fill(members []member, columns *Columns) error {
	members, err := columns.apply(members)
	if err != nil {
		return err
	}
	for _, m := range members {
		if isNull(m.raw) {
			continue
		}
		var err error
		switch m.key {
		case "text":
			d.Text, err = stringOf(m)
		case "id":
			d.ID, err = idOf(m.raw)
		case "title":
			d.Title, err = stringOf(m)
		case "source":
			d.Source, err = stringOf(m)
		case "domain":
			d.Domain, err = stringOf(m)
		default:
			keep(&d.Extra, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func pairOf(raw []byte) (Pair, error) {
	members, err := splitObject(raw)
	if err != nil {
		return Pair{}, err
	}
	var p Pair
	for _, m := range splice(members, pairFields) {
		if isNull(m.raw) {
			continue
		}
		switch m.key {
		case "instruction":
			p.Instruction, err = stringOf(m)
		case "response":
			p.Response, err = stringOf(m)
		case "thought":
			p.Thought, err = stringOf(m)
		case "options":
			if err = typed(m, &p.Options, "an array of strings"); len(p.Options) == 0 {
				p.Options = nil // as a pair without them has it: a table has an empty list
			}
		case "scores":
			if object := objectIn(m.raw); object != nil {
				m.raw = object
			}
			err = typed(m, &p.Scores, "an object of numbers")
		default:
			keep(&p.Extra, m)
		}
		if err != nil {
			return Pair{}, err
		}
	}
	if blank(p.Instruction) || blank(p.Response) {
		return Pair{}, broken("instruction or response is missing or empty")
	}
	return p, nil
}

func stringOf(m member) (string, error) {
	if m.raw[0] != '"' {
		return "", broken("field %q: a string was expected, found %s", m.key, kindOf(m.raw))
	}
	return unquote(m.raw)
}

func idOf(raw []byte) (string, error) {
	if k := kindOf(raw); k == "a number" {
		return string(raw), nil
	}
	return stringOf(member{"id", raw})
}

func typed(m member, v any, want string) error {
	if err := unmarshal(m.raw, v); err != nil {
		return broken("field %q: %s was expected", m.key, want)
	}
	return nil
}

// keep stores an unknown field, compacted so that writing it back is one line.
func keep(extra *map[string]json.RawMessage, m member) {
	if *extra == nil {
		*extra = map[string]json.RawMessage{}
	}
	var b bytes.Buffer
	if err := json.Compact(&b, m.raw); err != nil {
		panic("data: an unchecked value reached keep")
	}
	(*extra)[m.key] = b.Bytes()
}

func textName(field string) string {
	if field == "" {
		return "text"
	}
	return field
}

func isNull(raw []byte) bool { return len(raw) == 4 && raw[0] == 'n' }

func blank(s string) bool { return len(bytes.TrimSpace([]byte(s))) == 0 }
