package datasets

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/primer-lm/primer/data/records"
)

// medQA: questions of the American medical licensing examination. There is no passage: the
// case is the context, its last sentence the question (ours).
var medQA = Dataset{
	Name: "medqa", Title: "MedQA (USMLE)", HF: "GBaker/MedQA-USMLE-4-options, bigbio/med_qa", Native: "JSONL", Pairs: "MC", Licence: "MIT; tag CC BY 4.0", Role: Extra,
	also: []string{"MedQA-USMLE", "GBaker/MedQA-USMLE-4-options-hf"},
	files: layout{
		Train: {"us/train.jsonl", "us/4_options/phrases_no_exclude_train.jsonl", "phrases_no_exclude_train.jsonl"},
		Dev:   {"us/dev.jsonl", "us/4_options/phrases_no_exclude_dev.jsonl", "phrases_no_exclude_dev.jsonl"},
		Test:  {"us/test.jsonl", "us/4_options/phrases_no_exclude_test.jsonl", "phrases_no_exclude_test.jsonl"},
	},
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, records.Options{}, func(row *medRow) error {
			vignette, question := lastSentence(string(row.Question + row.Sentence))
			options := row.Options.texts
			right := letter(row.Index)
			if len(options) == 0 {
				options = []string{string(row.Ending0), string(row.Ending1), string(row.Ending2), string(row.Ending3)}
				right = number(row.Label)
			}
			c.add(g.text(vignette), qa{question: question, options: options, right: []int{right}})
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

type medRow struct {
	Question text
	Options  medOptions
	Index    text `json:"answer_idx"`
	// The form of GBaker/MedQA-USMLE-4-options-hf.
	Sentence text `json:"sent1"`
	Ending0  text
	Ending1  text
	Ending2  text
	Ending3  text
	Label    text
}

// medOptions is an object by letter, or a list of key and value; in order of letters.
type medOptions struct{ texts []string }

// UnmarshalJSON implements json.Unmarshaler.
func (o *medOptions) UnmarshalJSON(b []byte) error {
	byLetter := map[string]text{}
	if b[0] == '[' {
		var list []struct{ Key, Value text }
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		for _, e := range list {
			byLetter[string(e.Key)] = e.Value
		}
	} else if err := json.Unmarshal(b, &byLetter); err != nil {
		return err
	}
	o.texts = nil
	for _, k := range slices.Sorted(maps.Keys(byLetter)) {
		if byLetter[k] != "" { // a column of Parquet that this row has not
			o.texts = append(o.texts, string(byLetter[k]))
		}
	}
	return nil
}
