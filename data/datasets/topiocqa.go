package datasets

import (
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// topiOCQA: conversations whose topic changes, with a passage for each turn. Turns of one
// conversation with one passage make an example; where that begins later than the
// conversation, the first question is led by the turns before (ours). Unanswerable turns
// have no passage and are left out.
var topiOCQA = Dataset{
	Name: "topiocqa", Title: "TopiOCQA", HF: "McGill-NLP/TopiOCQA", Native: "JSONL, JSON array", Pairs: "FF", Licence: "CC BY-NC-SA 4.0", Role: Tuning,
	files: layout{
		Train: {"topiocqa_train.jsonl", "topiocqa_train.json"},
		Dev:   {"topiocqa_valid.jsonl", "topiocqa_dev.json topiocqa_valid.json"},
	},
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, records.Options{}, func(row *topiRow) error {
			switch {
			case strings.EqualFold(strings.TrimSpace(string(row.Answer)), "UNANSWERABLE"):
				c.skip(Unanswered)
				return nil
			case strings.TrimSpace(string(row.Passage.Text)) == "":
				c.skip(NoText)
				return nil
			}
			p := g.at(string(row.Conversation+" "+row.Passage.ID), func() *passage {
				title := strings.ReplaceAll(string(row.Passage.Title), " [SEP] ", ", ")
				return &passage{text: title + "\n" + string(row.Passage.Text)}
			})
			question := string(row.Question)
			if len(p.pairs) == 0 && len(row.Context) > 0 && strings.TrimSpace(question) != "" {
				question = strings.Join(row.Context.strings(), "\n") + "\n" + question
			}
			c.add(p, qa{question: question, answer: string(row.Answer)})
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

type topiRow struct {
	Conversation text `json:"Conversation_no"`
	Question     text
	Answer       text
	Context      texts                          // questions and answers before
	Passage      struct{ ID, Title, Text text } `json:"Gold_passage"`
}
