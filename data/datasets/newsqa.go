package datasets

import (
	"encoding/json"
	"strconv"
	"strings"
)

// newsQA: questions on CNN stories, which users compile themselves. The answer is the range
// that annotators agree on, else the one most of them validated; questions without an
// answer, and bad ones, are left out (ours).
var newsQA = Dataset{
	Name: "newsqa", Title: "NewsQA", HF: "lucadiliello/newsqa", Native: "JSON, CSV", Pairs: "FF", Licence: "code MIT; CNN text restricted", Role: Tuning,
	files: layout{
		Train: {"combined-newsqa-data-v1.json", "split_data/train.csv", "combined-newsqa-data-v1.csv"},
		Dev:   {"combined-newsqa-data-v1.json", "split_data/dev.csv"},
		Test:  {"combined-newsqa-data-v1.json", "split_data/test.csv"},
	},
	convert: mrqaOr("NewsQA", func(c *conversion) error {
		g := c.groups()
		err := rows(c, squadTop, func(row *newsRow) error { return row.convert(c, g) })
		if err != nil {
			return err
		}
		return g.give()
	}),
}

// newsRow is a story with its questions (JSON), or one question (CSV and the mirror in
// MRQA's form without its header).
type newsRow struct {
	ID        text `json:"storyId"`
	Text      text
	Type      text // the split
	Questions []newsQuestion
	// CSV.
	StoryID   text `json:"story_id"`
	Story     text `json:"story_text"`
	Question  text
	Ranges    text `json:"answer_char_ranges"`
	Tokens    text `json:"answer_token_ranges"`
	Validated text `json:"validated_answers"`
	// The mirror.
	Context text
	Answers texts
}

type newsQuestion struct {
	Question  text `json:"q"`
	Consensus newsAnswer
	Validated []newsAnswer `json:"validatedAnswers"`
}

// newsAnswer is a range, the end of which is exclusive, or one of two marks.
type newsAnswer struct {
	Start *int `json:"s"`
	End   int  `json:"e"`
	Bad   bool `json:"badQuestion"`
	None  bool `json:"noAnswer"`
	Count int
}

func (row *newsRow) convert(c *conversion, g *groups) error {
	switch {
	case row.Context != "":
		q := qa{question: string(row.Question)}
		if len(row.Answers) > 0 {
			q.answer = string(row.Answers[0])
		}
		c.add(g.at(string(row.Context), func() *passage { return &passage{text: unmark(string(row.Context))} }), q)
		return nil
	case row.Story != "":
		return row.csv(c, g)
	case strings.TrimSpace(string(row.Text)) == "":
		c.skip(NoText)
		return nil
	case row.Type != "" && row.Type != text(c.opt.Split):
		c.skip(OtherPart)
		return nil
	}
	p := &passage{text: newsText(row.Text)}
	runes := []rune(p.text)
	for _, q := range row.Questions {
		best := q.Consensus
		if best.Start == nil && !best.Bad && !best.None {
			for _, v := range q.Validated {
				if v.Count > best.Count {
					best = v
				}
			}
		}
		newsAdd(c, p, runes, q.Question, best)
	}
	return c.give(p)
}

// newsText has the line ends that the offsets count.
func newsText(s text) string { return strings.ReplaceAll(string(s), "\r\n", "\n") }

func newsAdd(c *conversion, p *passage, runes []rune, question text, a newsAnswer) {
	var why Reason
	switch {
	case a.Bad:
		why = BadQuestion
	case a.None:
		why = Unanswered
	case a.Start == nil:
		why = NoAnswer
	case *a.Start < 0 || *a.Start >= a.End || a.End > len(runes):
		why = Outside
	}
	if why != "" {
		p.told = true
		c.skip(why)
		return
	}
	c.add(p, qa{question: string(question), answer: string(runes[*a.Start:a.End]), at: span{*a.Start, a.End}})
}

func (row *newsRow) csv(c *conversion, g *groups) error {
	id := row.StoryID
	if id == "" {
		id = row.Story
	}
	p := g.at(string(id), func() *passage { return &passage{text: newsText(row.Story)} })
	if row.Tokens != "" {
		ranges := newsRanges(string(row.Tokens))
		if len(ranges) == 0 {
			newsAdd(c, p, nil, row.Question, newsAnswer{})
			return nil
		}
		words := strings.Fields(p.text)
		if r := ranges[0]; r.to > len(words) {
			p.told = true
			c.skip(Outside)
		} else {
			c.add(p, qa{question: string(row.Question), answer: strings.Join(words[r.from:r.to], " ")})
		}
		return nil
	}
	newsAdd(c, p, []rune(p.text), row.Question, row.best())
	return nil
}

// best is the answer of a row of the combined CSV.
func (row *newsRow) best() (best newsAnswer) {
	votes := newVotes()
	if dec := json.NewDecoder(strings.NewReader(string(row.Validated))); row.Validated != "" {
		for tok, err := dec.Token(); err == nil; tok, err = dec.Token() {
			name, isName := tok.(string)
			var count int
			if isName && dec.Decode(&count) == nil {
				votes.add(name, count)
			}
		}
	}
	if len(votes.order) == 0 { // nobody validated: each annotator counts
		for _, one := range strings.Split(string(row.Ranges), "|") {
			votes.add(strings.TrimSpace(one), 1)
		}
	}
	switch name := votes.most(); strings.ToLower(name) {
	case "":
		return newsAnswer{}
	case "none":
		return newsAnswer{None: true}
	case "bad_question":
		return newsAnswer{Bad: true}
	default:
		ranges := newsRanges(name)
		if len(ranges) == 0 {
			return newsAnswer{}
		}
		return newsAnswer{Start: &ranges[0].from, End: ranges[0].to}
	}
}

// newsRanges reads 196:228,217:240; what is no range is passed over.
func newsRanges(s string) (out []span) {
	for _, part := range strings.Split(s, ",") {
		from, to, ok := strings.Cut(strings.TrimSpace(part), ":")
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if ok && err1 == nil && err2 == nil && a >= 0 && a < b {
			out = append(out, span{a, b})
		}
	}
	return out
}

// votes counts by name; the first of those with most wins.
type votes struct {
	order []string
	count map[string]int
}

func newVotes() *votes { return &votes{count: map[string]int{}} }

func (v *votes) add(name string, n int) {
	if _, known := v.count[name]; !known {
		v.order = append(v.order, name)
	}
	v.count[name] += n
}

func (v *votes) most() (best string) {
	for _, name := range v.order {
		if v.count[name] > v.count[best] {
			best = name
		}
	}
	return best
}
