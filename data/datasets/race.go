package datasets

import (
	"encoding/json"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// race: English exams of middle and high schools, a JSON file for each article. A "_" in a
// question is a blank to fill and stays.
var race = Dataset{
	Name: "race", Title: "RACE", HF: "ehovy/race", Native: "one JSON per file", Pairs: "MC", Licence: "research, non-commercial", Role: Tuning,
	files: layout{
		Train: {"train/high/*.txt train/middle/*.txt", "all/train-*.parquet all/train/*.parquet"},
		Dev:   {"dev/high/*.txt dev/middle/*.txt", "all/validation-*.parquet all/validation/*.parquet"},
		Test:  {"test/high/*.txt test/middle/*.txt", "all/test-*.parquet all/test/*.parquet"},
	},
	convert: raceConvert,
}

// raceC: the same of Chinese colleges.
var raceC = Dataset{
	Name: "race-c", Title: "RACE-C", HF: "tasksource/race-c", Native: "as RACE; JSONL", Pairs: "MC", Licence: "research, non-commercial", Role: Tuning,
	files: layout{
		Train: {"train/*.txt train/*/*.txt"}, Dev: {"dev/*.txt dev/*/*.txt"}, Test: {"test/*.txt test/*/*.txt"},
	},
	convert: raceConvert,
}

// raceRow is an article with its questions, or (Hugging Face) with one.
type raceRow struct {
	Article   text
	Questions texts
	Options   optionLists
	Answers   texts // letters
	Question  text
	Answer    text // a letter
	Option    []string
	Label     text // RACE-C: a number, may be null
}

func raceConvert(c *conversion) error {
	apart := c.groups()
	err := rows(c, records.Options{}, func(row *raceRow) error {
		switch {
		case strings.TrimSpace(string(row.Article)) == "":
			c.skip(NoText)
			return nil
		case row.Questions == nil:
			c.add(apart.text(string(row.Article)), row.one())
			return nil
		}
		p := &passage{text: string(row.Article)}
		for i, q := range row.Questions {
			var options []string
			var answer text
			if i < len(row.Options) {
				options = row.Options[i]
			}
			if i < len(row.Answers) {
				answer = row.Answers[i]
			}
			c.add(p, chosen(q, options, answer, letter))
		}
		return c.give(p)
	})
	if err != nil {
		return err
	}
	return apart.give()
}

func (row *raceRow) one() qa {
	if row.Option != nil {
		return chosen(row.Question, row.Option, row.Label, number)
	}
	var options []string
	if len(row.Options) > 0 {
		options = row.Options[0]
	}
	return chosen(row.Question, options, row.Answer, letter)
}

// optionLists is a list of options for each question, or the one list of one question.
type optionLists [][]string

// UnmarshalJSON implements json.Unmarshaler.
func (o *optionLists) UnmarshalJSON(b []byte) error {
	var one []string
	if json.Unmarshal(b, &one) == nil {
		*o = optionLists{one}
		return nil
	}
	return json.Unmarshal(b, (*[][]string)(o))
}
