package datasets

import "github.com/primer-lm/primer/data/records"

// quartz: questions of two options on one sentence of background, which many share.
var quartz = Dataset{
	Name: "quartz", Title: "QuaRTz", HF: "allenai/quartz", Native: "JSONL", Pairs: "MC", Licence: "CC BY 4.0", Role: Tuning,
	convert: grouped(records.Options{}, func(row *quartzRow) (string, qa) {
		choices := row.Question.Choices
		if len(choices) == 0 {
			choices = row.Choices
		}
		return string(row.Para), chosen(row.Question.Stem, choiceTexts(choices), row.Key, func(key text) int { return labelled(choices, key) })
	}),
}

type quartzRow struct {
	Question stem
	Choices  many[choice] // Hugging Face
	Key      text         `json:"answerKey"`
	Para     text
}
