package datasets

import (
	"encoding/json"
	"strings"

	"github.com/primer-lm/primer/data/records"
)

// hotpotQA: questions that need two paragraphs of ten. The context is the paragraphs that
// hold supporting facts, and the others as far as there is room, in the order of the file;
// the supporting sentences are the thought (both ours).
var hotpotQA = Dataset{
	Name: "hotpotqa", Title: "HotpotQA", HF: "hotpotqa/hotpot_qa", Native: "JSON array", Pairs: "FF+CoT", Licence: "CC BY-SA 4.0", Role: Tuning,
	files: layout{
		Train: {"hotpot_train_v1.1.json", "distractor/train-*.parquet distractor/train/*.parquet"},
		Dev:   {"hotpot_dev_distractor_v1.json", "distractor/validation-*.parquet distractor/validation/*.parquet", "hotpot_dev_fullwiki_v1.json"},
	},
	convert: mrqaOr("HotpotQA", func(c *conversion) error {
		return rows(c, records.Options{}, func(row *hotpotRow) error {
			if len(row.Context) == 0 {
				c.skip(NoText)
				return nil
			}
			p := &passage{text: row.text(c.opt.MaxWords)}
			c.add(p, qa{question: string(row.Question), answer: string(row.Answer), thought: row.thought()})
			return c.give(p)
		})
	}),
}

type hotpotRow struct {
	Question text
	Answer   text
	Facts    many[hotpotFact] `json:"supporting_facts"`
	Context  many[hotpotParagraph]
}

// hotpotFact is [title, index of the sentence], or an object of the two.
type hotpotFact struct {
	Title text
	Index int `json:"sent_id"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *hotpotFact) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, &[]any{&f.Title, &f.Index})
	}
	type plain hotpotFact
	return json.Unmarshal(b, (*plain)(f))
}

// hotpotParagraph is [title, sentences], or an object of the two. Sentences carry the blank
// in front of them.
type hotpotParagraph struct {
	Title     text
	Sentences texts
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *hotpotParagraph) UnmarshalJSON(b []byte) error {
	if b[0] == '[' {
		return json.Unmarshal(b, &[]any{&p.Title, &p.Sentences})
	}
	type plain hotpotParagraph
	return json.Unmarshal(b, (*plain)(p))
}

func (p *hotpotParagraph) text() string {
	return strings.TrimSpace(string(p.Title)) + "\n" + strings.TrimSpace(strings.Join(p.Sentences.strings(), ""))
}

// text joins the paragraphs that are needed with those that fit beside them.
func (row *hotpotRow) text(maxWords int) string {
	needed := map[text]bool{}
	for _, f := range row.Facts {
		needed[f.Title] = true
	}
	words := 0
	for i := range row.Context {
		if needed[row.Context[i].Title] {
			words += len(strings.Fields(row.Context[i].text()))
		}
	}
	var parts []string
	for i := range row.Context {
		s := row.Context[i].text()
		if !needed[row.Context[i].Title] {
			n := len(strings.Fields(s))
			if words+n > maxWords {
				continue
			}
			words += n
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "\n")
}

// thought joins the supporting sentences; an index outside its paragraph is passed over.
func (row *hotpotRow) thought() string {
	var sentences []string
	for _, f := range row.Facts {
		for _, p := range row.Context {
			if p.Title == f.Title {
				if f.Index >= 0 && f.Index < len(p.Sentences) {
					sentences = append(sentences, strings.TrimSpace(string(p.Sentences[f.Index])))
				}
				break
			}
		}
	}
	return strings.Join(sentences, " ")
}
