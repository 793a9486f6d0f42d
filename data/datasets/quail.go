package datasets

import "github.com/primer-lm/primer/data/records"

// quail: some 18 questions a text, of nine types; "not enough information" is among the
// options, and right for the unanswerable ones, which stay. Its XML is not read: one of the
// two forms has the right option always first.
var quail = Dataset{
	Name: "quail", Title: "QuAIL", HF: "textmachinelab/quail", Native: "JSONL", Pairs: "MC", Licence: "CC BY-NC-SA 4.0", Role: Tuning,
	files: layout{Test: {"challenge.jsonl challenge-*.parquet", "challenge/*.parquet"}},
	convert: grouped(records.Options{}, func(row *quailRow) (string, qa) {
		return string(row.Context), chosen(row.Question, row.Answers, row.Right, number)
	}),
}

type quailRow struct {
	Question text
	Answers  []string
	Right    text `json:"correct_answer_id"` // a string in the original, a number on Hugging Face
	Context  text
}
