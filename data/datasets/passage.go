package datasets

import (
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
)

// unanswerable is the answer of a question that the text does not answer (ours; CoQA has
// its own word).
const unanswerable = "Unanswerable"

// passage is one context and the pairs found for it so far.
type passage struct {
	text   string
	title  string
	source string // "" is the dataset's name
	pairs  []located
	seen   map[string]bool // instructions, folded
	told   bool            // a pair was left out, so that its absence has been counted
}

// span is a range of characters (Unicode code points) of a passage; the zero span is an
// unknown place.
type span struct{ from, to int }

// located is a pair with the place of its answer or evidence.
type located struct {
	data.Pair
	span
}

// qa is a pair as a dataset has it.
type qa struct {
	question string
	answer   string
	options  []string
	right    []int // indexes of right options; then answer is empty
	none     bool  // the answer says that no option is right
	thought  string
	at       span
}

// add puts a pair to a passage, or counts why not.
func (c *conversion) add(p *passage, q qa) {
	pair, why := q.pair()
	key := strings.ToLower(pair.Instruction)
	if why == "" && p.seen[key] {
		why = Repeated
	}
	if why != "" {
		p.told = true
		c.skip(why)
		return
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	p.seen[key] = true
	p.pairs = append(p.pairs, located{pair, q.at})
}

// pair trims and checks; the reason is empty when it is good.
func (q qa) pair() (data.Pair, Reason) {
	pair := data.Pair{Instruction: strings.TrimSpace(q.question), Response: strings.TrimSpace(q.answer), Thought: strings.TrimSpace(q.thought)}
	if pair.Instruction == "" {
		return pair, NoQuestion
	}
	for _, o := range q.options {
		pair.Options = append(pair.Options, strings.TrimSpace(o))
	}
	if len(q.right) > 0 {
		var texts []string
		for _, i := range q.right {
			if i < 0 || i >= len(pair.Options) {
				return pair, NoOption
			}
			if texts = append(texts, pair.Options[i]); pair.Options[i] == "" {
				return pair, NoAnswer
			}
		}
		pair.Response = strings.Join(texts, data.Several) // ours
	}
	pair.Options = slices.DeleteFunc(pair.Options, func(o string) bool { return o == "" })
	switch {
	case pair.Response == "":
		return pair, NoAnswer
	case len(q.options) > 0 && len(q.right) == 0 && !q.none && !slices.Contains(pair.Options, pair.Response):
		return pair, NoOption
	}
	return pair, ""
}

// groups gathers the pairs of equal contexts from records that stand apart. It holds the
// texts of a whole dataset.
type groups struct {
	c     *conversion
	order []*passage
	byKey map[string]*passage
}

func (c *conversion) groups() *groups { return &groups{c: c, byKey: map[string]*passage{}} }

// at gives the passage of a key, which make builds the first time. An empty key is never
// shared: questions without a context stand each for itself.
func (g *groups) at(key string, build func() *passage) *passage {
	if p := g.byKey[key]; p != nil && key != "" {
		return p
	}
	p := build()
	g.order = append(g.order, p)
	g.byKey[key] = p
	return p
}

// text is at for a passage that is its own key.
func (g *groups) text(s string) *passage {
	return g.at(strings.TrimSpace(s), func() *passage { return &passage{text: s} })
}

// give hands out all passages, first seen first.
func (g *groups) give() error {
	for _, p := range g.order {
		if err := g.c.give(p); err != nil {
			return err
		}
	}
	return nil
}
