package datasets

import (
	"slices"
	"strings"
)

// spartQA: stories that place objects, and four types of question: yes or no (YN), find the
// blocks (FB), find the relation (FR), choose the object (CO).
var spartQA = Dataset{
	Name: "spartqa", Title: "SpartQA", HF: "tasksource/spartqa-mchoice, tasksource/spartqa-yn", Native: "JSON", Pairs: "MC", Licence: "code MIT; data none stated", Role: Tuning,
	files: layout{
		Train: {"train.json human_train.json", "spartqa_*train*.jsonl"},
		Dev:   {"dev.json", "spartqa_*dev*.jsonl spartqa_*valid*.jsonl"},
		Test:  {"test.json human_test.json", "spartqa_*test*.jsonl"},
	},
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, squadTop, func(row *spartStory) error {
			story := strings.Join(row.Story.strings(), " ")
			if strings.TrimSpace(story) == "" {
				c.skip(NoText)
				return nil
			}
			p := g.text(story)
			if row.Questions == nil {
				row.Questions = []spartQuestion{row.spartQuestion}
			}
			for i := range row.Questions {
				c.add(p, row.Questions[i].pair())
			}
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

// spartStory is a story with its questions, or (Hugging Face) with one.
type spartStory struct {
	Story     texts
	Questions []spartQuestion
	spartQuestion
}

type spartQuestion struct {
	Type       string `json:"q_type"`
	Question   text
	Candidates texts `json:"candidate_answers"`
	Answer     texts
}

// spartDK is how "DK" reads among the options of yes-or-no questions (ours).
const spartDK = "Do not know"

func (q *spartQuestion) pair() qa {
	pair := qa{question: string(q.Question), options: q.Candidates.strings()}
	switch {
	case len(pair.options) == 0:
		pair.options = []string{"Yes", "No", spartDK}
		for _, a := range q.Answer {
			word := string(a)
			if strings.EqualFold(word, "DK") {
				word = spartDK
			}
			pair.right = append(pair.right, slices.IndexFunc(pair.options, func(o string) bool { return strings.EqualFold(o, word) }))
		}
	case len(q.Answer) == 0 && q.Type == "FB":
		pair.options = append(pair.options, "None") // no block is right (ours)
		pair.right = []int{len(pair.options) - 1}
	default:
		for _, a := range q.Answer {
			i := number(a) // FR and CO have indexes, FB the candidates themselves
			if q.Type == "FB" || i < 0 {
				i = slices.Index(pair.options, string(a))
			}
			pair.right = append(pair.right, i)
		}
	}
	return pair
}
