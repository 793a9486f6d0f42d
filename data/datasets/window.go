package datasets

import "unicode"

// MaxWords is how long a context may be, unless Options says otherwise: with some 4 tokens
// to 3 words and the pairs behind it, it fits the synthesizer's 4,096 tokens (ours). Six
// characters count as a word at least, so that text without blanks is bounded too.
const MaxWords = 2600

const charactersPerWord = 6

// windows cuts a passage that is too long, at ends of paragraphs where it can, never
// inside an answer where it can help it. Each pair goes where its answer lies.
func (c *conversion) windows(p *passage) []*passage {
	runes := []rune(p.text)
	if fits(runes, 0, c.opt.MaxWords) == len(runes) {
		return []*passage{p}
	}
	cuts := cut(runes, p.pairs, c.opt.MaxWords)
	out := make([]*passage, len(cuts))
	for i, w := range cuts {
		out[i] = &passage{text: string(runes[w.from:w.to]), title: p.title}
	}
	for _, q := range p.pairs {
		if q.to == 0 {
			c.skip(NoPlace)
			continue
		}
		home := -1
		for i, w := range cuts {
			if q.from >= w.from && q.to <= w.to {
				home = i
			}
		}
		if home < 0 {
			c.skip(Outside)
			continue
		}
		out[home].pairs = append(out[home].pairs, q)
	}
	return out
}

// fits is the end of the longest piece from start that has at most maxWords.
func fits(text []rune, start, maxWords int) int {
	words, in := 0, false
	for i := start; i < len(text); i++ {
		space := unicode.IsSpace(text[i])
		if !space && !in {
			words++
		}
		in = !space
		if max(words, (i-start)/charactersPerWord) > maxWords {
			return i
		}
	}
	return len(text)
}

// cut gives consecutive pieces that cover the text.
func cut(text []rune, pairs []located, maxWords int) (pieces []span) {
	for start := 0; start < len(text); {
		end := fits(text, start, maxWords)
		if end < len(text) {
			end = lastBreak(text, pairs, start, end)
		}
		pieces = append(pieces, span{start, end})
		start = end
	}
	return pieces
}

// lastBreak looks back from end for the end of a paragraph, else of a sentence, else of a
// word, outside all answers; three quarters of the piece are looked at.
func lastBreak(text []rune, pairs []located, start, end int) int {
	lowest := start + max(1, (end-start)/4)
	for _, cutting := range []bool{false, true} { // an answer only when nothing else is left
		for _, ends := range []func([]rune, int) bool{paragraphEnds, sentenceEnds, wordEnds} {
			for i := end; i >= lowest; i-- {
				if ends(text, i) && (cutting || !inside(pairs, i)) {
					return i
				}
			}
		}
	}
	return max(end, start+1)
}

func inside(pairs []located, i int) bool {
	for _, q := range pairs {
		if q.from < i && i < q.to {
			return true
		}
	}
	return false
}

func paragraphEnds(text []rune, i int) bool { return text[i-1] == '\n' }

func sentenceEnds(text []rune, i int) bool {
	if !wordEnds(text, i) || i < 2 {
		return false
	}
	switch text[i-2] {
	case '.', '!', '?', '"', '”', ')':
		return true
	}
	return false
}

func wordEnds(text []rune, i int) bool { return unicode.IsSpace(text[i-1]) }
