package curate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/primer-lm/primer/data"
)

// cut takes spans out of a document, with CutMargin characters on either side, and makes documents of what remains: "ID/1", "ID/2".
// Remains below CutMin characters go too; a document that falls into more than CutMax is dropped.
func (c *cleaner) cut(v *verdict, doc *data.Document, list []word, spans []span) {
	v.keep = nil
	before := 0
	var texts []string
	for _, r := range widened(doc.Text, list, spans, c.opt.CutMargin) {
		texts = c.remain(texts, doc.Text[before:r[0]])
		before = r[1]
	}
	texts = c.remain(texts, doc.Text[before:])
	switch {
	case len(texts) == 0:
		v.drop = &Drop{Reason: HasGram, Value: float64(len(spans))}
		return
	case len(texts) > c.opt.CutMax:
		v.drop = &Drop{Reason: Remains, Value: float64(len(texts)), Threshold: float64(c.opt.CutMax)}
		return
	}
	v.drop, v.changed = &Drop{Reason: IsCut, Value: float64(len(spans))}, true
	for i, text := range texts {
		d := *doc
		d.ID, d.Text = fmt.Sprintf("%s/%d", doc.ID, i+1), text
		v.keep = append(v.keep, d)
	}
}

func (c *cleaner) remain(texts []string, text string) []string {
	if text = strings.TrimSpace(text); utf8.RuneCountInString(text) >= c.opt.CutMin {
		texts = append(texts, text)
	}
	return texts
}

// widened gives the bytes that spans take with their margins, ends of words included, in order and joined where they meet.
func widened(text string, list []word, spans []span, margin int) [][2]int {
	var out [][2]int
	for _, s := range spans {
		out = append(out, [2]int{back(text, int(list[s.first].start), margin), forth(text, int(list[s.last].end), margin)})
	}
	slices.SortFunc(out, func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	joined := out[:1]
	for _, r := range out[1:] {
		if last := &joined[len(joined)-1]; r[0] <= last[1] {
			last[1] = max(last[1], r[1])
		} else {
			joined = append(joined, r)
		}
	}
	return joined
}

// wordReach is how far, in characters, the end of a word is looked for.
const wordReach = 50

// back goes some characters back, then on to the beginning of a word.
func back(text string, at, margin int) int {
	for n := 0; at > 0; n++ {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if n >= margin && (unicode.IsSpace(r) || isUnspaced(r) || n >= margin+wordReach) {
			break
		}
		at -= size
	}
	return at
}

// forth goes some characters on, then to the end of a word.
func forth(text string, at, margin int) int {
	for n := 0; at < len(text); n++ {
		r, size := utf8.DecodeRuneInString(text[at:])
		if n >= margin && (unicode.IsSpace(r) || isUnspaced(r) || n >= margin+wordReach) {
			break
		}
		at += size
	}
	return at
}
