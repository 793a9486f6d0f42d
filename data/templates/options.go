package templates

import (
	"strconv"
	"strings"
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
	if answer < 0 && !w.set.none[fold(p.Response)] {
		return NoOption
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

// response is the answer as printed: the label, the option's text, the drawn
// none-phrase, or the response itself.
func (w *writer) response(p *pair) string {
	item := w.choice.picked["options.item"].first
	switch {
	case p.answer == none:
		return w.lit("options.none")
	case p.answer < 0:
		return p.Response
	case item.counted():
		return strings.TrimSpace(w.label(item, p.answer))
	}
	return strings.TrimSpace(p.options[p.answer])
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
