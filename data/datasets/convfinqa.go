package datasets

import (
	"encoding/json"
	"strings"
)

// convFinQA: conversations about a page of a financial report, with its table. A turn is
// a look-up or a short program, which is written out as the thought (ours). Whole
// conversations are better than the files of single turns, which read as well.
var convFinQA = Dataset{
	Name: "convfinqa", Title: "ConvFinQA", HF: "GitHub czyssrs/ConvFinQA", Native: "JSON array", Pairs: "FF, FF+CoT", Licence: "MIT", Role: Tuning,
	files: layout{
		Train: {"train.json", "train_turn.json"}, Dev: {"dev.json", "dev_turn.json"},
	},
	convert: func(c *conversion) error {
		g := c.groups()
		err := rows(c, squadTop, func(row *finConversation) error { return row.convert(c, g) })
		if err != nil {
			return err
		}
		return g.give()
	},
}

type finConversation struct {
	ID         string
	Pre        texts      `json:"pre_text"`
	Post       texts      `json:"post_text"`
	Table      [][]string `json:"table"`
	Original   [][]string `json:"table_ori"` // the table before it was made lower case
	Annotation finTurns
}

type finTurns struct {
	Questions texts             `json:"dialogue_break"`
	Programs  texts             `json:"turn_program"`
	Answers   []json.RawMessage `json:"exe_ans_list"`
	// Of the files of single turns: the questions up to this one, its program and answer.
	Current        texts           `json:"cur_dial"`
	CurrentProgram text            `json:"cur_program"`
	CurrentAnswer  json.RawMessage `json:"exe_ans"`
}

func (row *finConversation) convert(c *conversion, g *groups) error {
	id, t := row.ID, &row.Annotation
	if len(t.Current) > 0 {
		if i := strings.LastIndexByte(id, '_'); i > 0 {
			id = id[:i] // the turn's number
		}
		t = &finTurns{Questions: t.Current[len(t.Current)-1:], Programs: texts{t.CurrentProgram}, Answers: []json.RawMessage{t.CurrentAnswer}}
	}
	p := g.at(id, func() *passage { return &passage{text: row.text()} })
	for i, question := range t.Questions {
		q := qa{question: string(question)}
		if i < len(t.Answers) {
			q.answer = finAnswer(t.Answers[i])
		}
		if i < len(t.Programs) && q.answer != "" {
			q.thought = finThought(string(t.Programs[i]), q.answer, row.Table)
		}
		c.add(p, q)
	}
	return nil
}

func (row *finConversation) text() string {
	table := row.Original
	if len(table) == 0 {
		table = row.Table
	}
	lines := row.Pre.strings()
	for _, cells := range table {
		lines = append(lines, strings.Join(cells, " | "))
	}
	return strings.Join(append(lines, row.Post.strings()...), "\n")
}

// finAnswer is a number without a needless ".0", or a word.
func finAnswer(raw json.RawMessage) string {
	var a text
	if len(raw) == 0 || a.UnmarshalJSON(raw) != nil {
		return ""
	}
	if f, ok := finNumber(string(a)); ok && raw[0] != '"' {
		return finDigits(f)
	}
	return string(a)
}
