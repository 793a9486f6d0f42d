package templates

import (
	"slices"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/data"
)

// prepare shuffles a pair's options and finds the answer among them. It returns
// why the pair must be left out, or "".
func (w *writer) prepare(p *pair, ex int) Reason {
	if blank(p.Instruction) || blank(p.Response) {
		return Blank
	}
	if len(p.Options) == 0 {
		return ""
	}
	answer := findOption(p.Options, p.Response)
	var several []int // indexes of right options when there is more than one
	if answer < 0 && !w.set.none[fold(p.Response)] {
		if several = data.Choices(p.Options, p.Response); several == nil {
			return NoOption
		}
	}
	order := make([]int, len(p.Options))
	st := w.draws.stream("order " + strconv.Itoa(ex) + " " + strconv.Itoa(p.index))
	for i := range order { // inside-out Fisher-Yates
		j := st.below(i + 1)
		order[i], order[j] = order[j], i
	}
	p.options = make([]string, len(order))
	p.answer = none
	for i, o := range order {
		p.options[i] = p.Options[o]
		if o == answer {
			p.answer = i
		}
		if slices.Contains(several, o) {
			p.several = append(p.several, i)
		}
	}
	return ""
}

// findOption is the index of the option that the answer is: the same words, else
// the same but for case and a full stop.
func findOption(options []string, answer string) int {
	for i, o := range options {
		if strings.TrimSpace(o) == strings.TrimSpace(answer) {
			return i
		}
	}
	for i, o := range options {
		if fold(o) == fold(answer) {
			return i
		}
	}
	return -1
}

// options prints heading and items.
func (w *writer) options(ex *example, p *pair) {
	if h := w.lit("options.heading"); h != "" {
		w.b.WriteString(h + "\n")
	}
	start := w.b.Len()
	item := w.choice.picked["options.item"].first
	for i, o := range p.options {
		if i > 0 {
			w.b.WriteString(w.lit("options.join"))
		}
		w.b.WriteString(w.label(item, i))
		w.b.WriteString(o)
	}
	w.spans = append(w.spans, Span{Options, ex.index, p.index, start, w.b.Len()})
}

// label is what stands before the i-th option.
func (w *writer) label(item pattern, i int) string {
	var b strings.Builder
	for _, s := range item {
		switch s.slot {
		case "":
			b.WriteString(s.lit)
		case "end":
			b.WriteString(w.lit("options.end"))
		case "option":
		default:
			b.WriteString(count(s.slot, i))
		}
	}
	return b.String()
}

// response is the answer as printed: the label, the option's text (several in the order in
// which they are printed), the drawn
// none-phrase, or the response itself.
func (w *writer) response(p *pair) string {
	switch {
	case len(p.several) > 0:
		parts := make([]string, len(p.several))
		for i, option := range p.several {
			parts[i] = w.chosen(p, option)
		}
		return strings.Join(parts, data.Several)
	case p.answer == none:
		return w.lit("options.none")
	case p.answer < 0:
		return p.Response
	}
	return w.chosen(p, p.answer)
}

// chosen is one option as an answer: its label where options have labels, else its text.
func (w *writer) chosen(p *pair, option int) string {
	if item := w.choice.picked["options.item"].first; item.counted() {
		return strings.TrimSpace(w.label(item, option))
	}
	return strings.TrimSpace(p.options[option])
}

// count writes the i-th counter (from 0) in the style that the placeholder shows.
func count(style string, i int) string {
	switch style {
	case "a":
		return letters('a', i)
	case "A":
		return letters('A', i)
	case "i":
		return strings.ToLower(roman(i + 1))
	case "I":
		return roman(i + 1)
	}
	return strconv.Itoa(i + 1)
}

// letters counts a … z, aa, ab …
func letters(first byte, i int) string {
	s := ""
	for i++; i > 0; i = (i - 1) / 26 {
		s = string(first+byte((i-1)%26)) + s
	}
	return s
}

// roman writes n ≥ 1 in Roman numerals.
func roman(n int) string {
	values := []int{1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1}
	digits := []string{"M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"}
	var b strings.Builder
	for i, v := range values {
		for ; n >= v; n -= v {
			b.WriteString(digits[i])
		}
	}
	return b.String()
}
