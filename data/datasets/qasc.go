package datasets

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/primer-lm/primer/data/records"
)

// qasc: science questions answered by composing two facts. There is no passage: the facts
// are the context, the composed fact is the thought (both ours).
var qasc = Dataset{
	Name: "qasc", Title: "QASC", HF: "allenai/qasc", Native: "JSONL", Pairs: "MC+CoT", Licence: "CC BY 4.0", Role: Tuning,
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, records.Options{}, func(row *qascRow) error {
			stem, choices := row.Question.Stem, row.Question.Choices
			if len(choices) == 0 {
				choices = row.Choices
			}
			context := strings.TrimSpace(fullStop(string(row.Fact1)) + " " + fullStop(string(row.Fact2)))
			c.add(g.text(context), qa{question: string(stem), options: choiceTexts(choices),
				right: []int{labelled(choices, row.Key)}, thought: sentence(string(row.Combined))})
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

type qascRow struct {
	Question stem
	Choices  many[choice] // Hugging Face
	Key      text         `json:"answerKey"`
	Fact1    text
	Fact2    text
	Combined text `json:"combinedfact"`
}

// stem is a question with its choices, or (Hugging Face) the question's text alone.
type stem struct {
	Stem    text
	Choices many[choice]
	Concept text `json:"question_concept"`
}

// fullStop ends a text with a full stop unless it ends a sentence already.
func fullStop(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsRune(".!?", rune(s[len(s)-1])) {
		return s
	}
	return s + "."
}

// sentence is fullStop with a capital in front.
func sentence(s string) string {
	s = fullStop(s)
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}
