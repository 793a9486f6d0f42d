package templates

import (
	"slices"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/data"
)

// writer builds the text of one chain and notes where the chain's own words are.
type writer struct {
	set     *Set
	draws   draws
	choice  choice
	b       strings.Builder
	spans   []Span
	dropped []Drop
}

func (w *writer) lit(family string) string { return literal(w.choice.picked[family]) }

// literal is the text of an entry without placeholders.
func literal(e *entry) string {
	if len(e.first) == 0 {
		return ""
	}
	return e.first[0].lit
}

// fill writes a pattern; slot writes a placeholder's content straight into the
// text, so that words of a document are never taken for a placeholder.
func (w *writer) fill(p pattern, slot func(name string)) {
	for _, s := range p {
		if s.slot == "" {
			w.b.WriteString(s.lit)
			continue
		}
		slot(s.slot)
	}
}

func (w *writer) span(part Part, ex, pair int, s string) {
	w.spans = append(w.spans, Span{part, ex, pair, w.b.Len(), w.b.Len() + len(s)})
	w.b.WriteString(s)
}

func (w *writer) text(ex *example) { w.span(Text, ex.index, -1, ex.text) }

// pairs prints the pairs of one text, one after another.
func (w *writer) pairs(ex *example) {
	for i := range ex.pairs {
		p := &ex.pairs[i]
		if i > 0 {
			w.b.WriteString(w.between())
		}
		if w.choice.layout == Classic {
			w.fill(w.choice.picked["pair."+familyOf(p.Format())].first, func(slot string) { w.slot(ex, p, slot) })
			continue
		}
		form := w.turn(i)
		if w.choice.layout == Inline && len(p.options) > 0 && w.set.apart {
			form = ownLine(form)
		}
		w.fill(form, func(slot string) {
			if slot == "instruction" {
				w.question(ex, p)
			} else {
				w.answer(ex, p)
			}
		})
	}
}

// ownLine puts what follows a question on a line of its own: behind a list of options it would
// read as the end of the last one.
func ownLine(form pattern) pattern {
	out := slices.Clone(form)
	for i, s := range form {
		if i > 0 && form[i-1].slot == "instruction" {
			out[i].lit = strings.Replace(s.lit, " ", "\n", 1)
		}
	}
	return out
}

// between separates pairs: few-shot lines stand on lines of their own, close.
func (w *writer) between() string {
	if w.choice.layout == Inline {
		return "\n"
	}
	return w.lit("pair.separator")
}

// turn is the pattern of the i-th pair in a layout other than the classic one.
func (w *writer) turn(i int) pattern {
	switch w.choice.layout {
	case Inline:
		return w.choice.picked["inline.item"].first
	case NextTurn:
		e := w.choice.picked["next-turn.turn"]
		if i > 0 {
			return e.second
		}
		return e.first
	}
	return w.choice.picked["dialogue.turn"].first
}

// items prints all questions, or all answers, numbered from 1.
func (w *writer) items(ex *example, questions bool) {
	e := w.choice.picked["numbered.item"]
	for i := range ex.pairs {
		p := &ex.pairs[i]
		form := e.second
		if questions {
			form = e.first
		}
		if i > 0 {
			w.b.WriteString("\n")
		}
		w.fill(form, func(slot string) {
			switch slot {
			case "n":
				w.b.WriteString(strconv.Itoa(i + 1))
			case "instruction":
				w.question(ex, p)
			case "response":
				w.answer(ex, p)
			}
		})
	}
}

// slot writes one placeholder of a pair pattern.
func (w *writer) slot(ex *example, p *pair, slot string) {
	switch slot {
	case "instruction":
		w.span(Instruction, ex.index, p.index, p.Instruction)
	case "options":
		w.options(ex, p)
	case "thought":
		w.span(Thought, ex.index, p.index, p.Thought)
	case "response":
		w.span(Response, ex.index, p.index, w.response(p))
	}
}

// question is the whole question side of a pair.
func (w *writer) question(ex *example, p *pair) {
	w.slot(ex, p, "instruction")
	if len(p.options) > 0 {
		w.b.WriteString("\n")
		w.options(ex, p)
	}
}

// answer is the whole answer side of a pair.
func (w *writer) answer(ex *example, p *pair) {
	if p.Thought == "" {
		w.slot(ex, p, "response")
		return
	}
	w.fill(w.choice.picked["thought.answer"].first, func(slot string) { w.slot(ex, p, slot) })
}

func familyOf(f data.Format) string {
	return [...]string{"free_form", "options", "thought", "options_thought"}[f]
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }
