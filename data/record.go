package data

import "encoding/json"

// Document is one raw text. Fields that Primer does not know stay in Extra and
// are written back.
type Document struct {
	ID     string
	Text   string
	Title  string
	Source string
	Domain string
	Extra  map[string]json.RawMessage
}

// Pair is one task about a text: an instruction and its response, with options
// to choose from and a chain of thought where there are any.
type Pair struct {
	Instruction string
	Response    string
	Options     []string
	Thought     string
	Scores      map[string]float64
	Extra       map[string]json.RawMessage
}

// Example is a text with its pairs. An empty text is allowed: then the pairs
// stand on their own, as general instructions do.
type Example struct {
	Document
	Pairs []Pair
}

// Chain is the examples of one text per round, in order. A chain of M examples
// is an M-shot example.
type Chain struct {
	ID       string
	Examples []Example
	Extra    map[string]json.RawMessage
}

// Format is one of the four forms of a pair.
type Format uint8

// The forms of a pair: free-form or multiple choice, each with or without a
// chain of thought.
const (
	FreeForm Format = iota
	MultipleChoice
	FreeFormThought
	MultipleChoiceThought
	Formats // how many there are
)

// String names the format as reports print it.
func (f Format) String() string {
	switch f {
	case FreeForm:
		return "free-form"
	case MultipleChoice:
		return "multiple-choice"
	case FreeFormThought:
		return "free-form-thought"
	case MultipleChoiceThought:
		return "multiple-choice-thought"
	}
	return "unknown-format"
}

// Format tells which of the four forms the pair has.
func (p *Pair) Format() Format {
	switch {
	case len(p.Options) > 0 && p.Thought != "":
		return MultipleChoiceThought
	case len(p.Options) > 0:
		return MultipleChoice
	case p.Thought != "":
		return FreeFormThought
	}
	return FreeForm
}
