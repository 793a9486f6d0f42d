package datasets

import (
	"slices"
	"strings"
)

// doqa: dialogues on accepted answers of Stack Exchange. The context is the title, the
// asker's post and the answer.
var doqa = Dataset{
	Name: "doqa", Title: "DoQA", HF: "community-datasets/doqa", Native: "JSON, QuAC-like", Pairs: "FF", Licence: "CC BY-SA 4.0", Role: Tuning,
	files: layout{
		Train: {"doqa-cooking-train-v*.json", "cooking/train-*.parquet cooking/train/*.parquet"},
		Dev:   {"doqa-cooking-dev-v*.json", "cooking/validation-*.parquet cooking/validation/*.parquet"},
		Test:  {"doqa-*-test-v*.json"},
	},
	convert: func(c *conversion) error {
		apart := &doqaRows{byID: map[string][]doqaTurn{}}
		err := rows(c, squadTop, func(row *doqaRow) error {
			for _, p := range row.Paragraphs {
				if err := row.dialogue(c, p.Context, p.QAs); err != nil {
					return err
				}
			}
			if row.Paragraphs == nil {
				apart.keep(c, row)
			}
			return nil
		})
		if err != nil {
			return err
		}
		return apart.give(c)
	},
}

// doqaRow is a thread with its dialogues, or (Hugging Face) one question.
type doqaRow struct {
	Title      text
	Background text
	Paragraphs []struct {
		Context text
		QAs     []doqaTurn `json:"qas"`
	}
	Context text
	doqaTurn
}

type doqaTurn struct {
	ID       text // ends in _q# and the turn's number
	Question text
	Answers  many[answer]
	row      *doqaRow // of Hugging Face
	file     string
	n        int64
}

func (row *doqaRow) dialogue(c *conversion, context text, turns []doqaTurn) error {
	reply := answerable(context)
	if reply == "" {
		c.skip(NoText)
		return nil
	}
	var parts []string
	for _, s := range []string{string(row.Title), string(row.Background), reply} {
		if s = strings.TrimSpace(s); s != "" {
			parts = append(parts, s)
		}
	}
	p := &passage{text: strings.Join(parts, "\n")}
	for _, t := range turns {
		if t.row != nil {
			c.at(t.file, t.n)
		}
		q := qa{question: string(t.Question)}
		if len(t.Answers) > 0 {
			q.answer = dialogueAnswer(t.Answers[0].Text)
		}
		c.add(p, q)
	}
	return c.give(p)
}

// doqaRows puts the questions of each dialogue together again.
type doqaRows struct {
	order []string
	byID  map[string][]doqaTurn
}

func (r *doqaRows) keep(c *conversion, row *doqaRow) {
	id, _, _ := strings.Cut(string(row.ID), "_q#")
	if _, known := r.byID[id]; !known {
		r.order = append(r.order, id)
	}
	t := row.doqaTurn
	t.row, t.file, t.n = row, c.file, c.n
	r.byID[id] = append(r.byID[id], t)
}

func (r *doqaRows) give(c *conversion) error {
	for _, id := range r.order {
		turns := r.byID[id]
		slices.SortStableFunc(turns, func(a, b doqaTurn) int { return a.number() - b.number() })
		c.at(turns[0].file, turns[0].n)
		if err := turns[0].row.dialogue(c, turns[0].row.Context, turns); err != nil {
			return err
		}
	}
	return nil
}

func (t doqaTurn) number() int {
	_, n, _ := strings.Cut(string(t.ID), "_q#")
	return number(text(n))
}
