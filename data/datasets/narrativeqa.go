package datasets

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// narrativeQA: questions on books and films, written from their summaries. The context is
// the summary (ours): the full texts run to tens of thousands of words.
var narrativeQA = Dataset{
	Name: "narrativeqa", Title: "NarrativeQA", HF: "deepmind/narrativeqa", Native: "CSV", Pairs: "FF", Licence: "Apache-2.0", Role: Tuning,
	files: layout{Train: {"qaps.csv"}, Dev: {"qaps.csv"}, Test: {"qaps.csv"}},
	convert: func(c *conversion) error {
		g := c.groups()
		var summaries map[text]text
		err := rows(c, records.Options{}, func(row *narrativeRow) (err error) {
			id, summary, question, gold := row.Document.ID, row.Document.Summary.Text, row.Question.Text, text("")
			if len(row.Answers) > 0 {
				gold = text(row.Answers[0].Text)
			}
			if row.ID != "" {
				if row.Set != narrativeSet(c) {
					c.skip(OtherPart)
					return nil
				}
				if summaries == nil {
					if summaries, err = narrativeSummaries(c); err != nil {
						return err
					}
				}
				id, summary, gold = row.ID, summaries[row.ID], row.Answer1
			}
			if strings.TrimSpace(string(summary)) == "" {
				c.skip(NoText)
				return nil
			}
			c.add(g.at(string(id), func() *passage { return &passage{text: string(summary)} }), qa{question: string(question), answer: string(gold)})
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

type narrativeRow struct {
	ID       text `json:"document_id"`
	Set      text
	Question stringOrText
	Answer1  text
	// Hugging Face.
	Document struct {
		ID      text
		Summary struct{ Text text }
	}
	Answers many[answer]
}

// stringOrText is a string, or an object with the member text.
type stringOrText struct{ Text text }

// UnmarshalJSON implements json.Unmarshaler.
func (s *stringOrText) UnmarshalJSON(b []byte) error {
	var a answer
	err := a.UnmarshalJSON(b)
	s.Text = text(a.Text)
	return err
}

// narrativeSet is what the column set calls the split.
func narrativeSet(c *conversion) text {
	return map[Split]text{Train: "train", Dev: "valid", Test: "test"}[c.opt.Split]
}

func narrativeSummaries(c *conversion) (map[text]text, error) {
	files, err := c.support("summaries.csv")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: third_party/wikipedia/summaries.csv is needed below %s", data.ErrNoFile, c.root)
	}
	file, n, count := c.file, c.n, c.report.Records
	summaries := map[text]text{}
	err = rowsOf(c, files[0], records.Options{}, func(row *struct {
		ID      text `json:"document_id"`
		Set     text
		Summary text
	}) error {
		if row.Set == narrativeSet(c) {
			summaries[row.ID] = row.Summary
		}
		return nil
	})
	c.at(file, n)
	c.report.Records = count
	return summaries, err
}
