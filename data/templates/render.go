package templates

import (
	"github.com/primer-lm/primer/data"
)

// Part says what a span of rendered text is.
type Part uint8

// The parts of a rendered chain; what lies in none of them is template.
const (
	Text Part = iota
	Instruction
	Options
	Thought
	Response
)

// String names the part.
func (p Part) String() string {
	return [...]string{"text", "instruction", "options", "thought", "response"}[p]
}

// Span is a piece of the rendered text that came from the chain, in bytes.
type Span struct {
	Part    Part
	Example int
	Pair    int // -1 for the text
	Start   int
	End     int
}

// Reason is why a pair was left out.
type Reason string

// Why pairs are left out.
const (
	NoOption Reason = "the answer is none of the options"
	Blank    Reason = "instruction or response is blank"
)

// Drop is one pair that was left out.
type Drop struct {
	Example, Pair int
	Reason        Reason
}

// Rendered is a chain as pre-training text, without BOS and EOS.
type Rendered struct {
	Text    string
	Spans   []Span
	Layout  string
	Dropped []Drop
	choice  choice
}

// Describe lists which templates were drawn, with file and line.
func (r *Rendered) Describe() string { return r.choice.describe() }

// Render gives the text of a chain: its examples one after another in one pattern.
// It is a function of the set, the chain and the seed.
func (s *Set) Render(c *data.Chain, seed uint64) Rendered {
	d := drawsOf(seed, c)
	w := &writer{set: s, draws: d}
	kept := w.keep(c)
	many, texts := true, true
	for i := range kept {
		many = many && len(kept[i].pairs) >= 2
		texts = texts && (kept[i].text != "" || len(kept[i].pairs) == 0)
	}
	w.choice = s.choose(d, many, texts)
	for i := range kept {
		if len(kept[i].pairs) == 0 && kept[i].text == "" {
			continue
		}
		if w.b.Len() > 0 {
			w.b.WriteString(w.lit("example.separator"))
		}
		w.example(&kept[i])
	}
	return Rendered{Text: w.b.String(), Spans: w.spans, Layout: w.choice.layout, Dropped: w.dropped, choice: w.choice}
}

// example is a text with the pairs that are kept.
type example struct {
	index int
	text  string
	pairs []pair
}

// pair is a pair with its options in the drawn order.
type pair struct {
	*data.Pair
	index   int
	options []string // shuffled
	answer  int      // index into options; -1: free-form, none: the none-phrase
	several []int    // instead of it, where several options are right
}

const none = -2

// keep sorts out pairs that cannot be printed, and draws the order of options.
func (w *writer) keep(c *data.Chain) []example {
	kept := make([]example, len(c.Examples))
	for i := range c.Examples {
		ex := &c.Examples[i]
		kept[i] = example{index: i, text: ex.Text}
		if blank(ex.Text) {
			kept[i].text = ""
		}
		for j := range ex.Pairs {
			p := pair{Pair: &ex.Pairs[j], index: j, answer: -1}
			reason := w.prepare(&p, i)
			if reason != "" {
				w.dropped = append(w.dropped, Drop{i, j, reason})
				continue
			}
			kept[i].pairs = append(kept[i].pairs, p)
		}
	}
	return kept
}

// example prints one example in the chain's layout. A text without pairs and pairs
// without a text stand alone.
func (w *writer) example(ex *example) {
	switch {
	case len(ex.pairs) == 0:
		w.text(ex)
		return
	case ex.text == "" && w.choice.layout == Numbered:
		w.items(ex, true)
		w.b.WriteString("\n\n")
		w.items(ex, false)
		return
	case ex.text == "":
		w.pairs(ex)
		return
	case w.choice.pairsFirst:
		w.b.WriteString(w.lit("first.opening") + "\n")
		w.pairs(ex)
		w.b.WriteString("\n\n" + w.lit("first.lead") + "\n")
		w.text(ex)
		return
	}
	frame := w.choice.picked[w.choice.layout+".frame"]
	if w.choice.layout == Classic {
		frame = w.choice.wrapper()
	}
	w.fill(frame.first, func(slot string) {
		switch slot {
		case "text":
			w.text(ex)
		case "pairs":
			if w.choice.layout == Classic && w.choice.bridged {
				w.b.WriteString(w.lit("bridge.phrase") + "\n")
			}
			w.pairs(ex)
		case "questions":
			w.items(ex, true)
		case "answers":
			w.items(ex, false)
		}
	})
}
