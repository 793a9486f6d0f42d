package datasets

import (
	"path/filepath"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// fairytaleQA: teachers' questions on fairy tales, a file of questions and one of sections
// for each story. The context is the whole story where it fits, else the sections that a
// question is about.
var fairytaleQA = Dataset{
	Name: "fairytaleqa", Title: "FairytaleQA", HF: "WorkInTheDark/FairytaleQA, GEM/FairytaleQA", Native: "CSV per story", Pairs: "FF", Licence: "Apache-2.0", Role: Tuning,
	files: layout{
		Train: {"questions/train/*-questions.csv"}, Dev: {"questions/val/*-questions.csv"}, Test: {"questions/test/*-questions.csv"},
	},
	convert: func(c *conversion) error {
		apart := c.groups()
		for _, file := range c.files {
			name, native := strings.CutSuffix(baseOf(file), "-questions.csv")
			var err error
			if native {
				err = fairyStory(c, file, name)
			} else {
				err = rowsOf(c, file, records.Options{}, func(row *fairyRow) error {
					if strings.TrimSpace(string(row.Section)) == "" {
						c.skip(NoText)
						return nil
					}
					c.add(apart.text(string(row.Section)), qa{question: string(row.Question), answer: string(row.Answer)})
					return nil
				})
			}
			if err != nil {
				return err
			}
		}
		return apart.give()
	},
}

// fairyRow is a question, with its text on Hugging Face or with numbers of sections.
type fairyRow struct {
	Sections text `json:"cor_section"`
	Section  text `json:"story_section"`
	Question text
	Answer   text `json:"answer1"`
}

type fairySection struct{ Section, Text text }

func fairyStory(c *conversion, file, name string) error {
	sections, err := fairySections(c, file, name)
	if err != nil {
		return err
	}
	var whole []string
	for _, s := range sections {
		whole = append(whole, strings.TrimSpace(string(s.Text)))
	}
	story := strings.Join(whole, "\n")
	g := c.groups()
	err = rowsOf(c, file, records.Options{}, func(row *fairyRow) error {
		if story == "" {
			c.skip(NoTable)
			return nil
		}
		context := story
		if runes := []rune(story); fits(runes, 0, c.opt.MaxWords) < len(runes) {
			if context = fairyPart(sections, string(row.Sections)); context == "" {
				c.skip(NoPlace)
				return nil
			}
		}
		c.add(g.text(context), qa{question: string(row.Question), answer: string(row.Answer)})
		return nil
	})
	if err != nil {
		return err
	}
	return g.give()
}

// fairySections reads a story, nil where its file is missing.
func fairySections(c *conversion, file, name string) (sections []fairySection, err error) {
	dir := filepath.Dir(file)
	up := filepath.Join(dir, "..", "..", "section-stories", filepath.Base(dir), "x")
	story := beside(up, name+"-story.csv")
	if story == "" {
		story = beside(file, name+"-story.csv")
	}
	if story == "" {
		return nil, nil
	}
	n := c.report.Records
	err = rowsOf(c, story, records.Options{}, func(s *fairySection) error {
		sections = append(sections, *s)
		return nil
	})
	c.report.Records = n // of questions
	return sections, err
}

// fairyPart joins the sections of a list such as 2,3 in the order of the story.
func fairyPart(sections []fairySection, list string) string {
	wanted := map[int]bool{}
	for _, s := range strings.Split(list, ",") {
		wanted[number(text(s))] = true
	}
	var parts []string
	for _, s := range sections {
		if n := number(s.Section); n >= 0 && wanted[n] {
			parts = append(parts, strings.TrimSpace(string(s.Text)))
		}
	}
	return strings.Join(parts, "\n")
}
