package datasets

import "strings"

// ropes: a background and a situation in which it applies. The answer is a span of the
// situation or of the question.
var ropes = Dataset{
	Name: "ropes", Title: "ROPES", HF: "allenai/ropes", Native: "JSON", Pairs: "FF", Licence: "CC BY 4.0", Role: Tuning,
	files: layout{Train: {"train-v1.0.json"}, Dev: {"dev-v1.0.json"}, Test: {"test-1.0.json test-v1.0.json"}},
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, squadTop, func(row *ropesRow) error {
			if row.Paragraphs == nil {
				row.Paragraphs = []ropesParagraph{row.ropesParagraph}
				row.Paragraphs[0].QAs = []squadQuestion{row.squadQuestion}
			}
			for _, par := range row.Paragraphs {
				context := strings.TrimSpace(strings.TrimSpace(string(par.Background)) + "\n\n" + strings.TrimSpace(string(par.Situation)))
				if context == "" {
					c.skip(NoText)
					continue
				}
				p := g.text(context)
				for _, q := range par.QAs {
					pair := qa{question: string(q.Question)}
					if len(q.Answers) > 0 {
						pair.answer = q.Answers[0].Text
					}
					c.add(p, pair)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

// ropesRow is an article with its paragraphs, or (Hugging Face) one question.
type ropesRow struct {
	Paragraphs []ropesParagraph
	ropesParagraph
	squadQuestion
}

type ropesParagraph struct {
	Background text
	Situation  text
	QAs        []squadQuestion `json:"qas"`
}
