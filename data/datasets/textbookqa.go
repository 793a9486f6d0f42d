package datasets

import (
	"slices"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// textbookQA: lessons of middle school science with their questions. Those about diagrams
// are left out. The context is the whole lesson; where that is too long, a question goes
// where the text of its answer stands (ours).
var textbookQA = Dataset{
	Name: "textbookqa", Title: "TextbookQA", HF: "GitHub; mrqa-workshop/mrqa", Native: "JSON array of lessons", Pairs: "MC or FF", Licence: "CC BY-NC 3.0", Role: HeldOut,
	also: []string{"tqa"},
	files: layout{
		Train: {"tqa_v1_train.json"}, Dev: {"tqa_v1_val.json"}, Test: {"tqa_v2_test.json"},
	},
	convert: mrqaOr("TextbookQA", func(c *conversion) error {
		return rows(c, records.Options{}, func(lesson *tqaLesson) error {
			p := &passage{text: lesson.text(), title: string(lesson.Name)}
			for _, q := range lesson.Questions.Plain {
				c.add(p, q.Value.pair(p.text))
			}
			for range lesson.Questions.Diagram {
				c.skip(Picture)
				p.told = true
			}
			return c.give(p)
		})
	}),
}

type tqaLesson struct {
	Name      text `json:"lessonName"`
	Topics    ordered[tqaTopic]
	Questions struct {
		Plain   ordered[tqaQuestion] `json:"nonDiagramQuestions"`
		Diagram ordered[any]         `json:"diagramQuestions"`
	}
}

type tqaTopic struct {
	Name    text `json:"topicName"`
	Order   text `json:"orderID"`
	Content struct{ Text text }
}

type tqaText struct {
	Text text `json:"processedText"`
}

type tqaQuestion struct {
	Asked   tqaText          `json:"beingAsked"`
	Choices ordered[tqaText] `json:"answerChoices"`
	Right   tqaText          `json:"correctAnswer"` // the letter
}

func (l *tqaLesson) text() string {
	topics := slices.Clone(l.Topics)
	slices.SortStableFunc(topics, func(a, b entry[tqaTopic]) int { return strings.Compare(string(a.Value.Order), string(b.Value.Order)) })
	var parts []string
	add := func(s text) {
		if clean := strings.TrimSpace(string(s)); clean != "" {
			parts = append(parts, clean)
		}
	}
	add(l.Name)
	for _, t := range topics {
		add(t.Value.Name)
		add(t.Value.Content.Text)
	}
	return strings.Join(parts, "\n")
}

func (q *tqaQuestion) pair(lesson string) qa {
	pair := qa{question: string(q.Asked.Text), right: []int{-1}}
	for i, choice := range q.Choices {
		pair.options = append(pair.options, string(choice.Value.Text))
		if strings.EqualFold(choice.Key, strings.TrimSpace(string(q.Right.Text))) {
			pair.right[0] = i
			if at := firstOf(lesson, []string{string(choice.Value.Text)}); at >= 0 {
				pair.at = span{at, at + len([]rune(strings.TrimSpace(string(choice.Value.Text))))}
			}
		}
	}
	return pair
}
