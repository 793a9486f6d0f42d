package datasets

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// babi: twenty toy tasks. A story tells facts, with questions between them. Facts change
// over time, so each question has the facts before it as its context, and questions share a
// context only where no fact stands between them (ours). The thought is the supporting
// facts (ours).
var babi = Dataset{
	Name: "babi", Title: "bAbI", HF: "facebook/babi_qa, Muennighoff/babi", Native: "numbered text lines", Pairs: "FF+CoT", Licence: "CC BY 3.0", Role: Tuning,
	files: layout{
		Train: {"en/qa*_train.txt", "en-10k/qa*_train.txt", "qa*_train.txt", "en-qa*/train-*.parquet en-qa*/train/*.parquet"},
		Dev:   {"en-valid/qa*_valid.txt", "qa*_valid.txt"},
		Test:  {"en/qa*_test.txt", "en-10k/qa*_test.txt", "qa*_test.txt", "en-qa*/test-*.parquet en-qa*/test/*.parquet"},
	},
	convert: func(c *conversion) error {
		apart := c.groups()
		for _, file := range c.files {
			var err error
			if strings.HasSuffix(baseOf(file), ".txt") {
				err = babiFile(c, file)
			} else {
				err = rowsOf(c, file, records.Options{}, func(row *babiRow) error { return row.convert(c, apart) })
			}
			if err != nil {
				return err
			}
		}
		return apart.give()
	},
}

// babiLine is a fact, or a question with its answer.
type babiLine struct {
	ID         text
	Type       text // 1 is a question
	Text       text
	Supporting texts `json:"supporting_ids"`
	Answer     text
}

// babiRow is a story, or (Muennighoff) one question with its passage.
type babiRow struct {
	Story    many[babiLine]
	Passage  text
	Question text
	Answer   text
}

func (row *babiRow) convert(c *conversion, apart *groups) error {
	if row.Story != nil {
		return babiStory(c, row.Story)
	}
	if strings.TrimSpace(string(row.Passage)) == "" {
		c.skip(NoText)
		return nil
	}
	c.add(apart.text(string(row.Passage)), qa{question: string(row.Question), answer: babiAnswer(string(row.Answer))})
	return nil
}

// babiFile reads the original files: a line number of 1 starts a story.
func babiFile(c *conversion, file string) error {
	var story []babiLine
	flush := func() error {
		lines := story
		story = nil
		return babiStory(c, lines)
	}
	err := c.lines(file, func(n int64, line string) error {
		if strings.TrimSpace(line) == "" {
			return nil
		}
		c.report.Records++
		id, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || number(text(id)) < 1 {
			c.broken(fmt.Errorf("no line number in front"))
			return nil
		}
		if id == "1" {
			if err := flush(); err != nil {
				return err
			}
		}
		l := babiLine{ID: text(id), Text: text(rest)}
		if fields := strings.Split(rest, "\t"); len(fields) > 1 {
			l.Type, l.Text, l.Answer = "1", text(fields[0]), text(fields[1])
			if len(fields) > 2 {
				for _, s := range strings.Fields(fields[2]) {
					l.Supporting = append(l.Supporting, text(s))
				}
			}
		}
		story = append(story, l)
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

func babiStory(c *conversion, story []babiLine) error {
	facts := map[text]string{} // by line number
	var before []string
	var p *passage
	for _, l := range story {
		if l.Type != "1" {
			fact := strings.TrimSpace(string(l.Text))
			facts[l.ID] = fact
			before = append(before, fact)
			if p != nil {
				if err := c.give(p); err != nil {
					return err
				}
				p = nil
			}
			continue
		}
		if p == nil {
			p = &passage{text: strings.Join(before, "\n")}
		}
		var thought []string
		for _, id := range l.Supporting {
			if fact := facts[id]; fact != "" {
				thought = append(thought, fact)
			}
		}
		c.add(p, qa{question: string(l.Text), answer: babiAnswer(string(l.Answer)), thought: strings.Join(thought, " ")})
	}
	if p == nil {
		return nil
	}
	return c.give(p)
}

var directions = map[string]string{"n": "north", "s": "south", "e": "east", "w": "west"}

// babiAnswer writes lists with blanks and directions (task 19) as words.
func babiAnswer(s string) string {
	parts := strings.Split(strings.TrimSpace(s), ",")
	words := make([]string, len(parts))
	spelt := true
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
		words[i] = directions[parts[i]]
		spelt = spelt && words[i] != ""
	}
	if spelt {
		parts = words
	}
	return strings.Join(parts, ", ")
}
