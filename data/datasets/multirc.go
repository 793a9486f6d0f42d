package datasets

import (
	"regexp"
	"strings"
)

// multiRC: questions of which several options may be right: they are joined (ours). Where
// none is, one more option says so (ours).
var multiRC = Dataset{
	Name: "multirc", Title: "MultiRC", HF: "aps/super_glue", Native: "JSONL, JSON", Pairs: "MC, several right", Licence: "research and academic use", Role: Tuning,
	files: layout{
		Train: {"train_456-fixedids.json", "multirc/train.jsonl", "multirc/train-*.parquet multirc/train/*.parquet"},
		Dev:   {"dev_83-fixedids.json", "multirc/val.jsonl", "multirc/validation-*.parquet multirc/validation/*.parquet"},
		Test:  {"multirc/test.jsonl"},
	},
	convert: func(c *conversion) error {
		apart := &multiRows{}
		err := rows(c, squadTop, func(row *multiRow) error {
			passages := []multiPassage{row.Passage, row.Paragraph.multiPassage}
			for _, p := range passages {
				if p.Questions != nil {
					return p.convert(c)
				}
			}
			if row.Paragraph.plain == "" {
				c.skip(NoText)
				return nil
			}
			apart.keep(row)
			return nil
		})
		if err != nil {
			return err
		}
		for _, p := range apart.passages {
			if err := p.convert(c); err != nil {
				return err
			}
		}
		return nil
	},
}

// multiRow is a passage (SuperGLUE), a paragraph (the original) or one option of one
// question (Hugging Face).
type multiRow struct {
	Passage   multiPassage
	Paragraph plainOrPassage
	Question  text
	Answer    text
	Label     text
	Index     struct{ Paragraph, Question text } `json:"idx"`
}

type multiPassage struct {
	Text      text
	Questions []multiQuestion
}

type multiQuestion struct {
	Question text
	Answers  []multiAnswer
}

type multiAnswer struct {
	Text  text
	Label text  // 0 or 1; -1 or missing where it is not told
	Right *bool `json:"isAnswer"`
}

func (p *multiPassage) convert(c *conversion) error {
	clean := multiText(string(p.Text))
	if clean == "" {
		c.skip(NoText)
		return nil
	}
	out := &passage{text: clean}
	for _, q := range p.Questions {
		c.add(out, q.pair())
	}
	return c.give(out)
}

func (q *multiQuestion) pair() qa {
	pair := qa{question: string(q.Question)}
	told := len(q.Answers) > 0
	for i, a := range q.Answers {
		pair.options = append(pair.options, string(a.Text))
		switch {
		case a.Right != nil && *a.Right, a.Label == "1":
			pair.right = append(pair.right, i)
		case a.Right == nil && a.Label != "0":
			told = false
		}
	}
	switch {
	case !told:
		pair.right = nil
	case len(pair.right) == 0:
		pair.right = []int{len(pair.options)}
		pair.options = append(pair.options, "None of the above")
	}
	return pair
}

var (
	multiSentence = regexp.MustCompile(`<b>\s*Sent\s*\d+:\s*</b>`)
	multiTags     = regexp.MustCompile(`</?(?:b|br|p|i)\s*/?>`)
)

// multiText takes tags and numbers of sentences out.
func multiText(s string) string {
	if !strings.Contains(s, "<") {
		return strings.TrimSpace(s)
	}
	s = multiTags.ReplaceAllString(multiSentence.ReplaceAllString(s, ""), " ")
	return strings.Join(strings.Fields(s), " ")
}

// plainOrPassage is a text, or a paragraph with its questions.
type plainOrPassage struct {
	plain text
	multiPassage
}
