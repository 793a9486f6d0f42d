package datasets

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// socialIQA: how people act and feel in social situations. Labels lie in a file beside: line
// i belongs to line i of the questions.
var socialIQA = Dataset{
	Name: "socialiqa", Title: "SocialIQA", HF: "allenai/social_i_qa, lighteval/siqa", Native: "JSONL + label file", Pairs: "MC", Licence: "not stated", Role: HeldOut,
	also: []string{"siqa"},
	convert: func(c *conversion) error {
		g := c.groups()
		for _, file := range c.files {
			if err := socialFile(c, g, file); err != nil {
				return err
			}
		}
		return g.give()
	},
}

type socialRow struct {
	Context  text
	Question text
	A        text `json:"answerA"`
	B        text `json:"answerB"`
	C        text `json:"answerC"`
	Label    text // "1" to "3", on Hugging Face
}

func socialFile(c *conversion, g *groups, file string) error {
	labels := map[int64]text{}
	base := baseOf(file)
	name := strings.TrimSuffix(strings.TrimSuffix(base, ".jsonl"), ".json") + "-labels.lst"
	beside := beside(file, name)
	if beside != "" {
		err := c.lines(beside, func(n int64, line string) error {
			labels[n] = text(strings.TrimSpace(line))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return rowsOf(c, file, records.Options{}, func(row *socialRow) error {
		label := row.Label
		switch {
		case label != "":
		case beside == "":
			return fmt.Errorf("%w: %s is needed beside %s", data.ErrNoFile, name, file)
		case labels[c.n] == "":
			c.skip(NoJoin)
			return nil
		default:
			label = labels[c.n]
		}
		if strings.TrimSpace(string(row.Context)) == "" {
			c.skip(NoText)
			return nil
		}
		c.add(g.text(string(row.Context)), chosen(row.Question, []string{string(row.A), string(row.B), string(row.C)}, label,
			func(l text) int { return number(l) - 1 }))
		return nil
	})
}
