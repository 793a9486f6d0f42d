package synth

import (
	"strings"

	"github.com/primer-lm/primer/data"
)

// The tags of an example, and the fixed phrases of a pair. They are ordinary text to the tokenizer.
const (
	TagContext    = "<CON>"
	TagContextEnd = "</CON>"
	TagQuestion   = "<QUE>"
	TagAnswer     = "<ANS>"
	TagEnd        = "</END>"

	separator     = "\n\n" // after </CON> and between pairs
	optionsHead   = "\nOptions:\n- "
	optionNext    = "\n- "
	thoughtPhrase = "\nLet's think step by step."
	answerPhrase  = "\nTherefore, the answer is "
)

// Format renders and parses examples for one tokenizer: what must be escaped depends on the texts of its special tokens.
// It is safe for concurrent use.
type Format struct {
	text, instruction, option, thought escaper
}

// NewFormat returns the format for a tokenizer with these special-token texts ("<s>", "</s>", …). Texts that overlap one
// another cannot be escaped reversibly and are an error.
func NewFormat(specials []string) (*Format, error) {
	base := append([]string{TagContext, TagContextEnd, TagQuestion, TagAnswer, TagEnd}, specials...)
	f := &Format{}
	for _, part := range []struct {
		to    *escaper
		extra []string
	}{
		{&f.text, nil},
		{&f.instruction, []string{optionsHead, thoughtPhrase}},
		{&f.option, []string{optionNext, thoughtPhrase}},
		{&f.thought, []string{answerPhrase}},
	} {
		e, err := newEscaper(append(append([]string(nil), base...), part.extra...))
		if err != nil {
			return nil, err
		}
		*part.to = e
	}
	return f, nil
}

// Context renders a raw text as it opens an example: " <CON> {text} </CON>\n\n", escaped; "" for an empty text. The
// leading space follows <s>.
func (f *Format) Context(text string) string {
	if text == "" {
		return ""
	}
	return " " + TagContext + " " + f.text.escape(text) + " " + TagContextEnd + separator
}

// Pair renders one pair, from <QUE> through </END>. Options and thought stand where they exist.
func (f *Format) Pair(p data.Pair) string {
	var b strings.Builder
	b.WriteString(TagQuestion + " " + f.instruction.escape(p.Instruction))
	for i, o := range p.Options {
		if i == 0 {
			b.WriteString(optionsHead)
		} else {
			b.WriteString(optionNext)
		}
		b.WriteString(f.option.escape(o))
	}
	if p.Thought != "" {
		b.WriteString(thoughtPhrase + " " + TagAnswer + " " + f.thought.escape(p.Thought) + answerPhrase)
	} else {
		b.WriteString(" " + TagAnswer + " ")
	}
	b.WriteString(f.text.escape(p.Response) + " " + TagEnd)
	return b.String()
}

// Pairs renders pairs as they follow a context.
func (f *Format) Pairs(pairs []data.Pair) string {
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = f.Pair(p)
	}
	return strings.Join(parts, separator)
}

// Question renders a context and the opening of a pair with a given instruction, for a model that shall answer it: the
// prompt of response accuracy (Table 5), cut after <ANS>.
func (f *Format) Question(text, instruction string) string {
	return f.Context(text) + TagQuestion + " " + f.instruction.escape(instruction) + " " + TagAnswer
}
