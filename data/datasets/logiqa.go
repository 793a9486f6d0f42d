package datasets

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// logiQA: logical puzzles of the Chinese civil service exam, translated. The original has
// blocks of an empty line, the answer's letter, context, question and four options.
var logiQA = Dataset{
	Name: "logiqa", Title: "LogiQA", HF: "lucasmccabe/logiqa, EleutherAI/logiqa", Native: "8-line text blocks", Pairs: "MC", Licence: "none stated", Role: Tuning,
	files: layout{Train: {"train.txt"}, Dev: {"eval.txt"}, Test: {"test.txt"}},
	convert: func(c *conversion) error {
		g := c.groups()
		for _, file := range c.files {
			var err error
			if strings.HasSuffix(strings.ToLower(baseOf(file)), ".txt") {
				err = logiFile(c, g, file)
			} else {
				err = rowsOf(c, file, records.Options{}, func(row *logiRow) error {
					logiAdd(c, g, string(row.Context), chosen(row.Query+row.Question, row.Options, row.Correct+row.Label, letterOrNumber))
					return nil
				})
			}
			if err != nil {
				return err
			}
		}
		return g.give()
	},
}

type logiRow struct {
	Context  text
	Query    text // lucasmccabe
	Question text // EleutherAI
	Options  []string
	Correct  text `json:"correct_option"` // lucasmccabe: a number
	Label    text // EleutherAI: a letter
}

// logiLines is how many lines a block has, without the empty one.
const logiLines = 7

func logiFile(c *conversion, g *groups, file string) error {
	var block []string
	var start int64
	flush := func() {
		if len(block) == 0 {
			return
		}
		lines := block
		block = nil
		c.at(file, start)
		c.report.Records++
		if len(lines) != logiLines {
			c.broken(fmt.Errorf("a block of %d lines, not %d", len(lines), logiLines))
			return
		}
		options := make([]string, 4)
		for i := range options {
			options[i] = logiOption(lines[3+i], byte('A'+i))
		}
		logiAdd(c, g, lines[1], chosen(text(lines[2]), options, text(lines[0]), letter))
	}
	err := c.lines(file, func(n int64, line string) error {
		if line = strings.TrimSpace(line); line == "" {
			flush()
			return nil
		}
		if len(block) == 0 {
			start = n
		}
		block = append(block, line)
		return nil
	})
	if err != nil {
		return err
	}
	flush()
	return nil
}

func logiAdd(c *conversion, g *groups, context string, q qa) {
	if strings.TrimSpace(context) == "" {
		c.skip(NoText)
		return
	}
	c.add(g.text(context), q)
}

// logiOption takes letter and full stop off an option. Some have a blank instead of the full
// stop, and in some the two stand inside the text.
func logiOption(s string, letter byte) string {
	mark := string(letter) + "."
	for _, prefix := range []string{mark, string(letter) + " "} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return rest
		}
	}
	return strings.Replace(s, mark, "", 1)
}
