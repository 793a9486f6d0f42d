package datasets

import (
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// qasper: questions on papers. The context is title, abstract and the sections that hold
// the evidence of the paper's questions (ours); the whole paper would be too long.
var qasper = Dataset{
	Name: "qasper", Title: "QASPER", HF: "allenai/qasper", Native: "JSON object by paper id", Pairs: "FF", Licence: "CC BY 4.0", Role: Tuning,
	files: layout{
		Train: {"qasper-train-v0.3.json", "qasper-train-v*.json"},
		Dev:   {"qasper-dev-v0.3.json", "qasper-dev-v*.json"},
		Test:  {"qasper-test-v0.3.json", "qasper-test-v*.json"},
	},
	convert: func(c *conversion) error {
		return rows(c, records.Options{Keyed: "id"}, func(paper *qasperPaper) error { return paper.convert(c) })
	},
}

type qasperPaper struct {
	Title    text
	Abstract text
	Sections many[qasperSection]  `json:"full_text"`
	QAs      many[qasperQuestion] `json:"qas"`
}

type qasperSection struct {
	Name       text `json:"section_name"` // null is an unnamed one
	Paragraphs texts
}

type qasperQuestion struct {
	Question text
	Answers  many[struct{ Answer qasperAnswer }]
}

type qasperAnswer struct {
	Unanswerable bool
	Spans        texts `json:"extractive_spans"`
	YesNo        *bool `json:"yes_no"`
	FreeForm     text  `json:"free_form_answer"`
	Evidence     texts
}

func (paper *qasperPaper) convert(c *conversion) error {
	p := &passage{title: string(paper.Title)}
	places := paper.build(p)
	for _, q := range paper.QAs {
		a := q.answer()
		if a == nil {
			c.add(p, qa{question: string(q.Question)})
			continue
		}
		if a.onlyFloats() {
			p.told = true
			c.skip(Picture)
			continue
		}
		pair := qa{question: string(q.Question), answer: a.text(), at: a.place(places)}
		if a.Unanswerable {
			pair.at = span{0, 1} // with the first window
		}
		c.add(p, pair)
	}
	return c.give(p)
}

// answer is the first annotation that found an answer, else the first.
func (q *qasperQuestion) answer() *qasperAnswer {
	for i := range q.Answers {
		if !q.Answers[i].Answer.Unanswerable {
			return &q.Answers[i].Answer
		}
	}
	if len(q.Answers) == 0 {
		return nil
	}
	return &q.Answers[0].Answer
}

// text is the answer in words. Yes or no comes last: where it does not apply, some files
// have false.
func (a *qasperAnswer) text() string {
	switch {
	case a.Unanswerable:
		return unanswerable
	case len(a.Spans) > 0:
		return strings.Join(a.Spans.strings(), ", ")
	case strings.TrimSpace(string(a.FreeForm)) != "":
		return string(a.FreeForm)
	case a.YesNo == nil:
		return ""
	case *a.YesNo:
		return "Yes"
	}
	return "No"
}

// onlyFloats: the evidence is figures and tables, whose content is not in the text.
func (a *qasperAnswer) onlyFloats() bool {
	for _, e := range a.Evidence {
		if !strings.HasPrefix(string(e), "FLOAT SELECTED") {
			return false
		}
	}
	return len(a.Evidence) > 0
}

// place spans all evidence paragraphs that are in the context.
func (a *qasperAnswer) place(places map[string]span) (at span) {
	for _, e := range a.Evidence {
		s, ok := places[strings.TrimSpace(string(e))]
		switch {
		case !ok:
		case at.to == 0:
			at = s
		default:
			at = span{min(at.from, s.from), max(at.to, s.to)}
		}
	}
	return at
}

// build writes the context and tells where each of its paragraphs stands.
func (paper *qasperPaper) build(p *passage) map[string]span {
	evidence := map[string]bool{}
	for i := range paper.QAs {
		if a := paper.QAs[i].answer(); a != nil {
			for _, e := range a.Evidence {
				evidence[strings.TrimSpace(string(e))] = true
			}
		}
	}
	places := map[string]span{}
	var b strings.Builder
	n := 0 // characters written
	line := func(s text) {
		clean := strings.TrimSpace(string(s))
		if clean == "" {
			return
		}
		length := len([]rune(clean))
		if _, twice := places[clean]; !twice {
			places[clean] = span{n, n + length}
		}
		b.WriteString(clean + "\n")
		n += length + 1
	}
	line(paper.Title)
	line(paper.Abstract)
	for _, s := range paper.Sections {
		if !s.holds(evidence) {
			continue
		}
		line(s.Name)
		for _, par := range s.Paragraphs {
			line(par)
		}
	}
	p.text = strings.TrimSuffix(b.String(), "\n")
	return places
}

func (s *qasperSection) holds(evidence map[string]bool) bool {
	for _, par := range s.Paragraphs {
		if evidence[strings.TrimSpace(string(par))] {
			return true
		}
	}
	return false
}
