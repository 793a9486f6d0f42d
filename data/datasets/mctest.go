package datasets

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// mcTest: children's stories with four questions each. A line of the .tsv is a story, the
// same line of the .ans file its four letters.
var mcTest = Dataset{
	Name: "mctest", Title: "MCTest", HF: "sagnikrayc/mctest", Native: "TSV + answer file", Pairs: "MC", Licence: "Microsoft research licence", Role: Tuning,
	files: layout{
		Train: {"mc160.train.tsv mc500.train.tsv", "mc500/train-*.parquet mc500/train/*.parquet mc160/train-*.parquet mc160/train/*.parquet"},
		Dev:   {"mc160.dev.tsv mc500.dev.tsv", "mc500/validation-*.parquet mc500/validation/*.parquet mc160/validation-*.parquet mc160/validation/*.parquet"},
		Test:  {"mc160.test.tsv mc500.test.tsv", "mc500/test-*.parquet mc500/test/*.parquet mc160/test-*.parquet mc160/test/*.parquet"},
	},
	convert: func(c *conversion) error {
		apart := c.groups()
		for _, file := range c.files {
			var err error
			if records.LayoutOf(file) == records.TSV {
				err = mcFile(c, file)
			} else {
				err = rowsOf(c, file, records.Options{}, func(row *mcRow) error { return row.convert(c, apart) })
			}
			if err != nil {
				return err
			}
		}
		return apart.give()
	},
}

type mcRow struct {
	Story    text
	Question text
	Options  struct{ A, B, C, D text } `json:"answer_options"`
	Answer   text
}

func (row *mcRow) convert(c *conversion, apart *groups) error {
	if strings.TrimSpace(string(row.Story)) == "" {
		c.skip(NoText)
		return nil
	}
	o := row.Options
	c.add(apart.text(mcText(string(row.Story))), mcPair([]string{string(row.Question), string(o.A), string(o.B), string(o.C), string(o.D)}, row.Answer))
	return nil
}

// mcFields: id, properties, story, then four times a question and its options.
const mcFields = 23

func mcFile(c *conversion, file string) error {
	name := strings.TrimSuffix(baseOf(file), ".tsv") + ".ans"
	answers := beside(file, name)
	if answers == "" {
		found, err := c.support(name)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%w: %s is needed beside %s", data.ErrNoFile, name, file)
		}
		answers = found[0]
	}
	letters := map[int64][]string{}
	err := c.lines(answers, func(n int64, line string) error {
		letters[n] = strings.Fields(line)
		return nil
	})
	if err != nil {
		return err
	}
	return c.lines(file, func(n int64, line string) error {
		if strings.TrimSpace(line) == "" {
			return nil
		}
		c.report.Records++
		fields := strings.Split(line, "\t")
		if len(fields) != mcFields {
			c.broken(fmt.Errorf("%d fields, not %d", len(fields), mcFields))
			return nil
		}
		if len(letters[n]) == 0 {
			c.skip(NoJoin)
			return nil
		}
		p := &passage{text: mcText(fields[2])}
		for i := range 4 {
			var right text
			if i < len(letters[n]) {
				right = text(letters[n][i])
			}
			c.add(p, mcPair(fields[3+5*i:8+5*i], right))
		}
		return c.give(p)
	})
}

// mcPair takes a question and its four options.
func mcPair(fields []string, right text) qa {
	question := strings.TrimSpace(mcText(fields[0]))
	for _, prefix := range []string{"one:", "multiple:"} { // how many sentences it needs
		question = strings.TrimPrefix(question, prefix)
	}
	q := qa{question: question, right: []int{letter(right)}}
	for _, o := range fields[1:] {
		q.options = append(q.options, mcText(o))
	}
	return q
}

// mcText undoes \newline and \tab.
func mcText(s string) string {
	return strings.NewReplacer(`\newline`, "\n", `\tab`, "\t").Replace(s)
}
