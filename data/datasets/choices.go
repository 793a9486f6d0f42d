package datasets

import (
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// grouped is a conversion of rows that each have a context and one pair; rows of one
// context may stand apart.
func grouped[T any](opt records.Options, pair func(row *T) (context string, q qa)) func(*conversion) error {
	return func(c *conversion) error {
		g := c.groups()
		err := rows(c, opt, func(row *T) error {
			context, q := pair(row)
			if strings.TrimSpace(context) == "" {
				c.skip(NoText)
				return nil
			}
			c.add(g.text(context), q)
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	}
}

// chosen is the right option by its index; a label that is missing leaves the pair without
// an answer, which is not the same as a wrong one.
func chosen(question text, options []string, label text, index func(text) int) qa {
	q := qa{question: string(question), options: options}
	if label != "" {
		q.right = []int{index(label)}
	}
	return q
}
