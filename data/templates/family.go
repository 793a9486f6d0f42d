package templates

import (
	"maps"
	"slices"
	"strings"
)

// rule is what the entries of one family must look like.
type rule struct {
	need  []string // placeholders, each exactly once
	allow []string // placeholders that may stand too
	next  []string // placeholders of the second form; nil: there is none
	names []string // the only texts allowed, for families that choose a branch
	bare  bool     // nothing but white space around placeholders
	needy bool     // entries may say that they need a text
}

var (
	pairSlots = []string{"instruction", "response"}
	bodySlots = []string{"text", "pairs"}
	counters  = []string{"a", "A", "1", "i", "I"}
)

// The layouts.
const (
	Classic  = "classic"
	Dialogue = "dialogue"
	Numbered = "numbered"
	Inline   = "inline"
	NextTurn = "next-turn"
)

// rules are all families there are.
var rules = map[string]rule{
	"pair.free_form":       {need: pairSlots, needy: true},
	"pair.options":         {need: []string{"instruction", "options", "response"}, needy: true},
	"pair.thought":         {need: []string{"instruction", "thought", "response"}, needy: true},
	"pair.options_thought": {need: []string{"instruction", "options", "thought", "response"}, needy: true},
	"pair.separator":       {},
	"thought.answer":       {need: []string{"thought", "response"}},
	"options.heading":      {},
	"options.item":         {need: []string{"option"}, allow: append([]string{"end"}, counters...)},
	"options.end":          {},
	"options.join":         {},
	"options.none":         {},
	"wrapper.presence":     {names: []string{"joined", "bare"}},
	"wrapper.joined":       {need: bodySlots},
	"wrapper.bare":         {need: bodySlots, bare: true},
	"bridge.presence":      {names: []string{"phrase", "none"}},
	"bridge.phrase":        {},
	"example.separator":    {},
	"layout.any":           {names: []string{Classic, Dialogue}},
	"layout.many":          {names: []string{Classic, Dialogue, Numbered, Inline, NextTurn}},
	"layout.order":         {names: []string{"text-first", "pairs-first"}},
	"first.opening":        {},
	"first.lead":           {},
	"dialogue.frame":       {need: bodySlots},
	"dialogue.turn":        {need: pairSlots},
	"next-turn.frame":      {need: bodySlots},
	"next-turn.turn":       {need: pairSlots, next: pairSlots},
	"inline.frame":         {need: bodySlots},
	"inline.item":          {need: pairSlots},
	"numbered.frame":       {need: []string{"text", "questions", "answers"}},
	"numbered.item":        {need: []string{"n", "instruction"}, next: []string{"n", "response"}},
	"instruction.pattern":  {need: []string{"question", "response"}},
}

// Families lists the names of all families, sorted.
func Families() []string { return slices.Sorted(maps.Keys(rules)) }

// segment is a literal or, where slot is set, a placeholder.
type segment struct {
	lit  string
	slot string
}

// pattern is a compiled text with placeholders.
type pattern []segment

// compile cuts a text at its placeholders; "{{" and "}}" stand for braces.
func compile(s string) (p pattern, problem string) {
	var lit strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "{{") || strings.HasPrefix(s[i:], "}}"):
			lit.WriteByte(s[i])
			i++
		case s[i] == '{':
			n := strings.IndexByte(s[i:], '}')
			if n < 0 {
				return nil, "a { without its } (a brace in the text is written {{)"
			}
			if lit.Len() > 0 {
				p = append(p, segment{lit: lit.String()})
				lit.Reset()
			}
			p = append(p, segment{slot: s[i+1 : i+n]})
			i += n
		case s[i] == '}':
			return nil, "a } without its { (a brace in the text is written }})"
		default:
			lit.WriteByte(s[i])
		}
	}
	if lit.Len() > 0 {
		p = append(p, segment{lit: lit.String()})
	}
	return p, ""
}

// check compares placeholders with what the family needs and allows.
func (p pattern) check(need, allow []string) string {
	count := map[string]int{}
	for _, s := range p {
		if s.slot == "" {
			if s.lit == "" {
				return "an empty placeholder {}"
			}
			continue
		}
		if !slices.Contains(need, s.slot) && !slices.Contains(allow, s.slot) {
			return "unknown placeholder {" + s.slot + "}" + known(need, allow)
		}
		count[s.slot]++
	}
	for _, n := range need {
		if count[n] != 1 {
			return "placeholder {" + n + "} must stand exactly once" + known(need, allow)
		}
	}
	return ""
}

func known(need, allow []string) string {
	all := append(slices.Clone(need), allow...)
	if len(all) == 0 {
		return " (this family has none)"
	}
	return " (known here: {" + strings.Join(all, "} {") + "})"
}

// checkItem adds what options.item must obey: one counter at most, {end} only with
// a counter, and the option last, since the label is what stands before it.
func (p pattern) checkItem() string {
	labels, ends := 0, 0
	for _, s := range p {
		if slices.Contains(counters, s.slot) {
			labels++
		}
		if s.slot == "end" {
			ends++
		}
	}
	switch {
	case labels > 1 || ends > 1:
		return "more than one counter or {end}"
	case ends > 0 && labels == 0:
		return "{end} without a counter"
	case p[len(p)-1].slot != "option":
		return "{option} must stand last"
	}
	return ""
}

// counted tells whether the items have labels.
func (p pattern) counted() bool {
	for _, s := range p {
		if slices.Contains(counters, s.slot) {
			return true
		}
	}
	return false
}
