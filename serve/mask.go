package serve

import (
	"strconv"
	"strings"
)

// What people write in a conversation may hold the text of a special token ("</s>"), by which they would end their turn and speak as
// somebody else. The template's own special tokens stand in the same text, so they are told apart before it is rendered: in what
// people wrote, such a text gives way to a mark, which comes back as ordinary text once the special tokens are cut out.
const (
	markOpen  = "\uFDEE" // noncharacters of Unicode, which no text has
	markClose = "\uFDEF"
)

// mask returns the messages with marks, and what each mark stands for. Most conversations have none.
func (s *Server) mask(messages []Message) ([]Message, []string) {
	var texts []string
	specials := newFinder(append(s.words.SpecialTexts(), markOpen, markClose))
	out := make([]Message, len(messages))
	for i, m := range messages {
		out[i] = m
		var b strings.Builder
		rest := m.Content
		for {
			at, which := specials.first(rest)
			if at < 0 {
				break
			}
			b.WriteString(rest[:at] + markOpen + strconv.Itoa(len(texts)) + markClose)
			texts, rest = append(texts, which), rest[at+len(which):]
		}
		if b.Len() > 0 {
			b.WriteString(rest)
			out[i].Content = b.String()
		}
	}
	return out, texts
}

// finder looks for some texts, by the byte that each begins with. A conversation of many special tokens is gone through once.
type finder [256][]string

func newFinder(texts []string) *finder {
	var f finder
	for _, x := range texts {
		if x != "" {
			f[x[0]] = append(f[x[0]], x)
		}
	}
	return &f
}

// first finds the first of the texts, the longest where several begin; -1: none.
func (f *finder) first(t string) (at int, which string) {
	for i := range len(t) {
		for _, x := range f[t[i]] {
			if len(x) > len(which) && strings.HasPrefix(t[i:], x) {
				which = x
			}
		}
		if which != "" {
			return i, which
		}
	}
	return -1, ""
}

// encodeMasked encodes a rendered conversation. Without marks it is one text. With marks, the special tokens are taken out first, and
// what stands between them is encoded by itself, as ordinary text; a tokenizer that puts a blank before a text's first word puts it
// there too.
func (w *words) encodeMasked(t string, texts []string) ([]int32, error) {
	if len(texts) == 0 {
		return w.Encode(t)
	}
	var ids []int32
	specials := newFinder(w.SpecialTexts())
	for t != "" {
		at, which := specials.first(t)
		piece := t
		if at >= 0 {
			piece = t[:at]
		}
		if piece != "" {
			more, err := w.EncodePlain(unmask(piece, texts))
			if err != nil {
				return nil, err
			}
			ids = append(ids, more...)
		}
		if at < 0 {
			break
		}
		id, _ := w.ID(which) // special texts are in the vocabulary
		ids, t = append(ids, id), t[at+len(which):]
	}
	return ids, nil
}

// unmask puts back what marks stand for. A template may have cut or repeated them: what is no whole mark stays as it is.
func unmask(t string, texts []string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(t, markOpen)
		if !ok {
			break
		}
		b.WriteString(before)
		number, after, closed := strings.Cut(rest, markClose)
		i, err := strconv.Atoi(number)
		if !closed || err != nil || i < 0 || i >= len(texts) {
			b.WriteString(markOpen)
			t = rest
			continue
		}
		b.WriteString(texts[i])
		t = after
	}
	b.WriteString(t)
	return b.String()
}
