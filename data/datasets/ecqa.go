package datasets

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// ecqa: explanations of CommonsenseQA's answers. There is no passage: what speaks for the
// answer and against the others is the context (ours), the free explanation the thought.
// The original ecqa.jsonl has no questions: they come from CommonsenseQA's files and the
// split from train_ids.txt, all looked for in the same folder.
var ecqa = Dataset{
	Name: "ecqa", Title: "ECQA", HF: "yangdong/ecqa, tasksource/ecqa", Native: "JSONL joined with CommonsenseQA; CSV", Pairs: "MC+CoT", Licence: "CDLA-Sharing-1.0", Role: Tuning,
	files: layout{
		Train: {"*train*.csv", "ecqa.jsonl"}, Dev: {"*val*.csv *dev*.csv", "ecqa.jsonl"}, Test: {"*test*.csv", "ecqa.jsonl"},
	},
	convert: func(c *conversion) error {
		g := c.groups()
		join := &ecqaJoin{}
		err := rows(c, records.Options{}, func(row *ecqaRow) error {
			if row.ID != "" && row.Text == "" {
				if err := join.fill(c, row); err != nil || row.Text == "" {
					return err
				}
			}
			context := strings.TrimSpace(strings.TrimSpace(string(row.Positives)) + "\n" + strings.TrimSpace(string(row.Negatives)))
			options := []string{string(row.Op1), string(row.Op2), string(row.Op3), string(row.Op4), string(row.Op5)}
			options = slices.DeleteFunc(options, func(o string) bool { return o == "" })
			c.add(g.text(context), qa{question: string(row.Text), options: options, answer: string(row.Answer), thought: string(row.Explanation)})
			return nil
		})
		if err != nil {
			return err
		}
		return g.give()
	},
}

// ecqaRow is a row of the joined table, or a line of ecqa.jsonl.
type ecqaRow struct {
	Text        text  `json:"q_text"`
	Op1         text  `json:"q_op1"`
	Op2         text  `json:"q_op2"`
	Op3         text  `json:"q_op3"`
	Op4         text  `json:"q_op4"`
	Op5         text  `json:"q_op5"`
	Answer      text  `json:"q_ans"`
	Positives   lines `json:"taskA_pos"`
	Negatives   lines `json:"taskA_neg"`
	Explanation text  `json:"taskB"`
	ID          text
	RawPos      lines `json:"positives"`
	RawNeg      lines `json:"negatives"`
	RawFree     text  `json:"explanation"`
}

// lines is a text of lines, or a list of them.
type lines string

// UnmarshalJSON implements json.Unmarshaler.
func (l *lines) UnmarshalJSON(b []byte) error {
	var list texts
	err := json.Unmarshal(b, &list)
	*l = lines(strings.Join(list.strings(), "\n"))
	return err
}

// ecqaJoin has CommonsenseQA's questions by id, and the ids of the split.
type ecqaJoin struct {
	questions map[text]csqaRow
	ids       map[string]bool
	seen      map[text]bool
}

type csqaRow struct {
	ID       text
	Key      text `json:"answerKey"`
	Question stem
	Choices  many[choice]
}

// fill puts the question into a line of ecqa.jsonl, or leaves it without one and counts why.
func (j *ecqaJoin) fill(c *conversion, row *ecqaRow) error {
	if j.questions == nil {
		file, n := c.file, c.n
		if err := j.load(c); err != nil {
			return err
		}
		c.at(file, n)
	}
	q, ok := j.questions[row.ID]
	switch {
	case !j.ids[string(row.ID)]:
		c.skip(OtherPart)
		return nil
	case !ok:
		c.skip(NoJoin)
		return nil
	case j.seen[row.ID]:
		c.skip(Repeated)
		return nil
	}
	j.seen[row.ID] = true
	choices := q.Question.Choices
	if len(choices) == 0 {
		choices = q.Choices
	}
	for i, op := range []*text{&row.Op1, &row.Op2, &row.Op3, &row.Op4, &row.Op5} {
		if i < len(choices) {
			*op = choices[i].Text
		}
	}
	row.Text = q.Question.Stem
	if i := labelled(choices, q.Key); i >= 0 {
		row.Answer = choices[i].Text
	}
	row.Positives, row.Negatives, row.Explanation = row.RawPos, row.RawNeg, row.RawFree
	if row.Text == "" {
		c.skip(NoQuestion)
	}
	return nil
}

func (j *ecqaJoin) load(c *conversion) error {
	j.questions, j.ids, j.seen = map[text]csqaRow{}, map[string]bool{}, map[text]bool{}
	names := map[Split]string{Train: "train_ids.txt", Dev: "val_ids.txt", Test: "test_ids.txt"}
	lists, err := c.support(names[c.opt.Split])
	if err != nil {
		return err
	}
	files, err := c.support("train_rand_split.jsonl", "dev_rand_split.jsonl", "commonsense*/*.parquet", "commonsense*/*/*.parquet")
	if err != nil {
		return err
	}
	if len(lists) == 0 || len(files) == 0 {
		return fmt.Errorf("%w: beside ecqa.jsonl, %s (ECQA) and train_rand_split.jsonl, dev_rand_split.jsonl (CommonsenseQA) are needed below %s",
			data.ErrNoFile, names[c.opt.Split], c.root)
	}
	for _, list := range lists {
		err := c.lines(list, func(_ int64, line string) error {
			j.ids[strings.TrimSpace(line)] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, file := range files {
		err := rowsOf(c, file, records.Options{}, func(q *csqaRow) error {
			j.questions[q.ID] = *q
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
