package datasets

import (
	"encoding/json"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// squadlike is what SQuAD's relatives share. Three forms of record read alike: an article
// with paragraphs, each with its questions (the original release); one question with its
// context (a Hugging Face row); a context with its questions (MRQA 2019, one a line).
type squadlike struct {
	Title      text
	Paragraphs []squadParagraph
	squadParagraph
	squadQuestion
	Header json.RawMessage // first line of an MRQA file
	Subset text            // MRQA on Hugging Face: which dataset
}

type squadParagraph struct {
	Context text
	QAs     []squadQuestion `json:"qas"`
}

type squadQuestion struct {
	Question   text
	Answers    many[answer]
	Impossible bool           `json:"is_impossible"`
	Detected   many[detected] `json:"detected_answers"`
}

// detected is an answer as MRQA found it in the context.
type detected struct{ Text text }

// squadRules is where the relatives differ.
type squadRules struct {
	subset   string // in MRQA; "" when it is not there
	maxWords int    // longest answer, 0: any
}

// squadTop is the member that holds the articles.
var squadTop = records.Options{Under: "data"}

func (r squadRules) convert(c *conversion) error {
	apart := c.groups() // rows of one context stand apart
	err := rows(c, squadTop, func(row *squadlike) error {
		switch {
		case row.Header != nil:
			c.report.Records--
			return nil
		case row.Subset != "" && string(row.Subset) != r.subset:
			c.skip(OtherPart)
			return nil
		case row.Paragraphs != nil:
			return r.article(c, row)
		}
		p := r.passage(c, apart, row.Context, row.Title)
		if p == nil {
			return nil
		}
		questions := row.QAs
		if questions == nil {
			questions = []squadQuestion{row.squadQuestion}
		}
		for i := range questions {
			r.add(c, p, &questions[i])
		}
		return nil
	})
	if err != nil {
		return err
	}
	return apart.give()
}

// article gives the paragraphs of one article, without waiting for the rest of the file.
func (r squadRules) article(c *conversion, row *squadlike) error {
	g := c.groups()
	for _, par := range row.Paragraphs {
		p := r.passage(c, g, par.Context, row.Title)
		if p == nil {
			continue
		}
		for i := range par.QAs {
			r.add(c, p, &par.QAs[i])
		}
	}
	return g.give()
}

func (r squadRules) passage(c *conversion, g *groups, context, title text) *passage {
	if strings.TrimSpace(string(context)) == "" {
		c.skip(NoText)
		return nil
	}
	return g.at(string(context), func() *passage { return &passage{text: unmark(string(context)), title: string(title)} })
}

func (r squadRules) add(c *conversion, p *passage, q *squadQuestion) {
	pair := qa{question: string(q.Question)}
	switch {
	case q.Impossible:
		pair.answer = unanswerable
	case len(q.Answers) > 0:
		pair.answer, pair.at = q.Answers[0].Text, q.Answers[0].span()
	case len(q.Detected) > 0:
		pair.answer = string(q.Detected[0].Text)
	}
	if r.maxWords > 0 && len(strings.Fields(pair.answer)) > r.maxWords {
		p.told = true
		c.skip(TooLong)
		return
	}
	c.add(p, pair)
}

// unmark takes the marks of MRQA out of a context: title, document and paragraph. Their
// contexts are never cut, so that no offset is disturbed.
func unmark(context string) string {
	if !strings.Contains(context, "[") {
		return context
	}
	for _, mark := range []string{"[TLE]", "[DOC]", "[PAR]", "[SEP]"} {
		context = strings.ReplaceAll(strings.ReplaceAll(context, mark+" ", ""), mark, "")
	}
	return context
}
