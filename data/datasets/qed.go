package datasets

import (
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// qed: questions of Natural Questions with a linguistic explanation; the sentence that was
// selected is the thought (ours). Those without an explanation are left out.
var qed = Dataset{
	Name: "qed", Title: "QED", HF: "google-research-datasets/qed", Native: "JSONL", Pairs: "FF+CoT", Licence: "text CC BY-SA 3.0; annotation not stated", Role: Tuning,
	files: layout{Train: {"qed-train.jsonlines"}, Dev: {"qed-dev.jsonlines"}},
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, records.Options{}, func(row *qedRow) error {
			switch {
			case row.Annotation.Type == "none":
				c.skip(Unexplained)
				return nil
			case strings.TrimSpace(string(row.Paragraph)) == "":
				c.skip(NoText)
				return nil
			}
			question := row.Question
			if question == "" {
				question = row.QuestionHF
			}
			c.add(g.text(string(row.Title+"\n"+row.Paragraph)), qa{question: string(question), answer: row.answer(),
				thought: string(row.Annotation.Selected.String)})
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

type qedRow struct {
	Title      text              `json:"title_text"`
	Question   text              `json:"question_text"`
	QuestionHF text              `json:"question"`
	Paragraph  text              `json:"paragraph_text"`
	Originals  many[many[piece]] `json:"original_nq_answers"` // a list for each annotator; on Hugging Face the first one's
	Annotation struct {
		Type    text `json:"explanation_type"`
		Answers many[struct {
			Paragraph piece `json:"paragraph_reference"`
		}] `json:"answer"`
		Selected piece `json:"selected_sentence"`
	}
}

// piece is a part of the paragraph.
type piece struct{ String text }

func (row *qedRow) answer() string {
	var parts []string
	for _, a := range row.Annotation.Answers {
		parts = append(parts, string(a.Paragraph.String))
	}
	if len(parts) == 0 && len(row.Originals) > 0 {
		for _, a := range row.Originals[0] {
			parts = append(parts, string(a.String))
		}
	}
	return strings.Join(parts, ", ")
}
