package datasets

import (
	"encoding/json"
	"strings"
)

// coqa: conversations about a story. The earlier pairs are the history, as the paper's
// Table 13 shows: questions stand as they are, short ones too. The answer is what was said,
// not the span; "unknown" where the story does not tell.
var coqa = Dataset{
	Name: "coqa", Title: "CoQA", HF: "stanfordnlp/coqa, EleutherAI/coqa", Native: "JSON", Pairs: "FF", Licence: "mixed, by source", Role: Tuning,
	files: layout{Train: {"coqa-train-v1.0.json"}, Dev: {"coqa-dev-v1.0.json"}},
	convert: func(c *conversion) error {
		return rows(c, squadTop, func(row *coqaRow) error {
			if strings.TrimSpace(string(row.Story)) == "" {
				c.skip(NoText)
				return nil
			}
			p := &passage{text: string(row.Story)}
			for i, q := range row.Questions {
				c.add(p, qa{question: string(q.Text), answer: row.answer(q.Turn, i)})
			}
			return c.give(p)
		})
	},
}

type coqaRow struct {
	Story     text
	Questions many[coqaTurn]
	Answers   many[coqaTurn]
}

// coqaTurn is a question or an answer; stanfordnlp's questions are plain strings.
type coqaTurn struct {
	Text text `json:"input_text"`
	Turn text `json:"turn_id"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *coqaTurn) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return json.Unmarshal(b, &t.Text)
	}
	type plain coqaTurn
	return json.Unmarshal(b, (*plain)(t))
}

// answer is the one of a turn: by its number, or by its place where turns have none.
func (row *coqaRow) answer(turn text, i int) string {
	if turn == "" {
		if i < len(row.Answers) {
			return string(row.Answers[i].Text)
		}
		return ""
	}
	for _, a := range row.Answers {
		if a.Turn == turn {
			return string(a.Text)
		}
	}
	return ""
}
