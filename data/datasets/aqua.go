package datasets

import (
	"regexp"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// aqua: algebraic word problems with a written-out solution. There is no passage: the
// problem without its last sentence is the context, that sentence the question (ours); the
// solution is the thought. The files are JSON lines in spite of their names.
var aqua = Dataset{
	Name: "aqua", Title: "AQuA", HF: "deepmind/aqua_rat", Native: "JSONL", Pairs: "MC+CoT", Licence: "Apache-2.0", Role: Tuning,
	also: []string{"AQUA_RAT", "AQUA_RAT_yes_opt"},
	files: layout{
		Train: {"train.json", "raw/train-*.parquet raw/train/*.parquet"},
		Dev:   {"dev.json", "raw/validation-*.parquet raw/validation/*.parquet"},
		Test:  {"test.json", "raw/test-*.parquet raw/test/*.parquet"},
	},
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, records.Options{}, func(row *aquaRow) error {
			problem, question := lastSentence(string(row.Question))
			options := make([]string, len(row.Options))
			for i, o := range row.Options {
				options[i] = aquaOption.ReplaceAllString(o, "")
			}
			q := chosen(text(question), options, row.Correct, letter)
			q.thought = aquaThought(string(row.Rationale))
			c.add(g.text(problem), q)
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

type aquaRow struct {
	Question  text
	Options   []string
	Rationale text
	Correct   text
}

// aquaOption is the label in front of an option: A)
var aquaOption = regexp.MustCompile(`^\s*\(?[A-E]\s*\)\s*`)

// aquaVerdict is a line that only states the letter.
var aquaVerdict = regexp.MustCompile(`(?i)^\W*((so|hence|thus|therefore|and)\b\W*)?((the|our|my)\s+)?((correct|right|final|required)\s+)?((answer|ans|option|choice)s?\b\W*)?((is|will be|would be|must be)\b\W*)?((the|option|choice|answer)\b\W*)*[A-E]\W*$`)

// aquaThought drops the lines at the end that only state the letter.
func aquaThought(rationale string) string {
	lines := strings.Split(strings.TrimSpace(rationale), "\n")
	for len(lines) > 0 {
		last := strings.TrimSpace(lines[len(lines)-1])
		if last != "" && !aquaVerdict.MatchString(last) {
			break
		}
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}
