package datasets

import "strings"

// quac: a teacher answers a student's questions on a section of Wikipedia. Several dialogues
// share a section: each stays an example of its own, since its earlier turns are the history.
var quac = Dataset{
	Name: "quac", Title: "QuAC", HF: "allenai/quac", Native: "JSON, SQuAD-like", Pairs: "FF", Licence: "MIT; text CC BY-SA 4.0", Role: Tuning,
	files: layout{Train: {"train_v0.2.json"}, Dev: {"val_v0.2.json"}},
	convert: func(c *conversion) error {
		return rows(c, squadTop, func(row *quacRow) error { return row.convert(c) })
	},
}

// quacRow is an article with its dialogues, or (Hugging Face) one dialogue.
type quacRow struct {
	Title      text
	Section    text `json:"section_title"`
	Paragraphs []struct {
		Context text
		QAs     []quacTurn `json:"qas"`
	}
	Page      text `json:"wikipedia_page_title"`
	Context   text
	Questions texts
	YesNos    texts
	Originals many[struct{ Texts text }] `json:"orig_answers"` // one a turn
}

type quacTurn struct {
	Question text
	YesNo    text         // y, n or x; an index of these three in Hugging Face's form
	Original answer       `json:"orig_answer"`
	Answers  many[answer] // where the original is missing
}

func (row *quacRow) convert(c *conversion) error {
	if row.Paragraphs == nil {
		var turns []quacTurn
		for i, q := range row.Questions {
			t := quacTurn{Question: q}
			if i < len(row.YesNos) {
				t.YesNo = row.YesNos[i]
			}
			if i < len(row.Originals) {
				t.Original.Text = string(row.Originals[i].Texts)
			}
			turns = append(turns, t)
		}
		return row.dialogue(c, row.Page, row.Context, turns)
	}
	for _, p := range row.Paragraphs {
		if err := row.dialogue(c, row.Title, p.Context, p.QAs); err != nil {
			return err
		}
	}
	return nil
}

func (row *quacRow) dialogue(c *conversion, title, context text, turns []quacTurn) error {
	section := answerable(context)
	if section == "" {
		c.skip(NoText)
		return nil
	}
	p := &passage{text: string(title+"\n"+row.Section) + "\n" + section}
	for _, t := range turns {
		span := t.Original.Text
		if span == "" && len(t.Answers) > 0 {
			span = t.Answers[0].Text
		}
		c.add(p, qa{question: string(t.Question), answer: yesNo(t.YesNo, dialogueAnswer(span))})
	}
	return c.give(p)
}

// yesNo puts the answer in a word before the span that shows it (ours).
func yesNo(mark text, span string) string {
	word := map[text]string{"y": "Yes", "0": "Yes", "n": "No", "1": "No"}[mark]
	first, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(span)), " ")
	if word == "" || span == unanswerable || strings.TrimSpace(span) == "" || strings.Trim(first, ",.;:!") == strings.ToLower(word) {
		return span
	}
	return word + ", " + strings.TrimSpace(span)
}
