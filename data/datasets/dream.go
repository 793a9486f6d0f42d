package datasets

import (
	"encoding/json"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// dream: questions on dialogues of English exams. A record is [turns, questions, id]; turns
// are led by their speakers.
var dream = Dataset{
	Name: "dream", Title: "DREAM", HF: "dataset-org/dream", Native: "JSON array of triples", Pairs: "MC", Licence: "research, non-commercial", Role: Tuning,
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, records.Options{}, func(row *dreamRow) error {
			dialogue := strings.Join(row.Dialogue.strings(), "\n")
			if strings.TrimSpace(dialogue) == "" {
				c.skip(NoText)
				return nil
			}
			p := g.text(dialogue)
			if row.Questions == nil {
				row.Questions = []dreamQuestion{row.dreamQuestion}
			}
			for _, q := range row.Questions {
				c.add(p, qa{question: string(q.Question), options: q.Choice, answer: string(q.Answer)})
			}
			if len(row.Questions) == 0 {
				c.skip(NoPairs)
				p.told = true
			}
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

type dreamRow struct {
	Dialogue  texts
	Questions []dreamQuestion
	dreamQuestion
}

type dreamQuestion struct {
	Question text
	Choice   []string
	Answer   text // the text of a choice
}

// UnmarshalJSON implements json.Unmarshaler.
func (row *dreamRow) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		row.Questions = []dreamQuestion{}
		return json.Unmarshal(b, &[]any{&row.Dialogue, &row.Questions})
	}
	type plain dreamRow
	return json.Unmarshal(b, (*plain)(row))
}
