package datasets

import (
	"bytes"
	"encoding/json"
	"slices"
)

// UnmarshalJSON implements json.Unmarshaler.
func (p *plainOrPassage) UnmarshalJSON(b []byte) error {
	if b[0] == '{' {
		return json.Unmarshal(b, &p.multiPassage)
	}
	return p.plain.UnmarshalJSON(b)
}

// UnmarshalJSON implements json.Unmarshaler. idx is a number in SuperGLUE's own files, an
// object in rows of single options.
func (row *multiRow) UnmarshalJSON(b []byte) error {
	type plain multiRow
	raw := struct {
		*plain
		Index json.RawMessage `json:"idx"`
	}{plain: (*plain)(row)}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	if !bytes.HasPrefix(raw.Index, []byte("{")) {
		return nil
	}
	return json.Unmarshal(raw.Index, &row.Index)
}

// multiRows puts the options of each question, and the questions of each paragraph,
// together again, in the order in which they came.
type multiRows struct {
	passages  []*multiPassage
	paragraph []text   // index of each passage
	questions [][]text // indexes of the questions of each passage
	known     map[text]int
}

func (m *multiRows) keep(row *multiRow) {
	if m.known == nil {
		m.known = map[text]int{}
	}
	key := row.Index.Paragraph
	if key == "" {
		key = row.Paragraph.plain
	}
	i, ok := m.known[key]
	if !ok {
		i = len(m.passages)
		m.known[key] = i
		m.passages = append(m.passages, &multiPassage{Text: row.Paragraph.plain})
		m.paragraph, m.questions = append(m.paragraph, key), append(m.questions, nil)
	}
	p := m.passages[i]
	question := row.Index.Question
	if question == "" {
		question = row.Question
	}
	j := slices.Index(m.questions[i], question)
	if j < 0 {
		j = len(p.Questions)
		p.Questions = append(p.Questions, multiQuestion{Question: row.Question})
		m.questions[i] = append(m.questions[i], question)
	}
	p.Questions[j].Answers = append(p.Questions[j].Answers, multiAnswer{Text: row.Answer, Label: row.Label})
}
