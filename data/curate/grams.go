package curate

// grams finds the n-grams of evaluation items in texts: n words in a row, in lower case, without symbols. An n-gram that has the hash
// of one is compared with it word by word.
type grams struct {
	n      int
	parts  []part
	words  [][]word // of each part, those with a letter or digit
	filter filter
	at     map[uint64]int32 // the first place of a hash in places
	places []gramPlace
	common int64  // n-grams that stand in too many parts to say anything
	short  []bool // parts of fewer than n words
}

// gramPlace is where an n-gram stands in the evaluation sets.
type gramPlace struct {
	part, word int32
	next       int32 // another place with the same hash, -1 for none
}

// realWords gives the words of a text that have a letter or digit.
func realWords(dst []word, scan *words, text string) []word {
	scan.text, scan.pos = text, 0
	var w word
	for scan.next(&w) {
		if w.hash != 0 {
			dst = append(dst, w)
		}
	}
	return dst
}

func indexGrams(it *items, n int) *grams {
	g := &grams{n: n, parts: it.parts, words: make([][]word, len(it.parts)), at: map[uint64]int32{}, short: make([]bool, len(it.parts))}
	var scan words
	total := 0
	for i := range it.parts {
		g.words[i] = realWords(nil, &scan, it.parts[i].text)
		g.short[i] = len(g.words[i]) < n
		total += max(0, len(g.words[i])-n+1)
	}
	g.filter = newFilter(total)
	for i := range it.parts {
		eachGram(g.words[i], n, func(first int, h uint64) {
			next, there := g.at[h]
			if !there {
				next = -1
			} else if g.places[next].part == int32(i) {
				return // it stands in this part before: once is enough
			}
			g.filter.add(h)
			g.at[h] = int32(len(g.places))
			g.places = append(g.places, gramPlace{int32(i), int32(first), next})
		})
	}
	g.dropCommon()
	return g
}

// maxParts is in how many places of the evaluation sets an n-gram may stand. What stands in more is the sets' own wording (an
// instruction that every question repeats), not their content.
const maxParts = 100

// dropCommon forgets n-grams that stand in more than maxParts places. Their hash stays in the filter.
func (g *grams) dropCommon() {
	for h, at := range g.at {
		n := 0
		for ; at >= 0; at = g.places[at].next {
			n++
		}
		if n > maxParts {
			delete(g.at, h)
			g.common++
		}
	}
}

// eachGram calls f with the first word and the hash of every n-gram.
func eachGram(list []word, n int, f func(first int, hash uint64)) {
	var h uint64
	leaving := power(n)
	for i := range list {
		h = h*rolling + list[i].hash
		if i >= n {
			h -= list[i-n].hash * leaving
		}
		if i >= n-1 {
			f(i-n+1, mix(h))
		}
	}
}

// span is a run of words that a text shares with a part of an evaluation item.
type span struct {
	part        int32
	first, last int32 // words of the text
}

// scan gives the spans of a text; what overlaps or touches, of one part, is one. words must be those of realWords.
func (g *grams) scan(text string, list []word, scratch *gramScratch) []span {
	spans := scratch.spans[:0]
	open := scratch.open
	clear(open)
	eachGram(list, g.n, func(first int, h uint64) {
		if !g.filter.has(h) {
			return
		}
		at, there := g.at[h]
		for ; there && at >= 0; at = g.places[at].next {
			p := g.places[at]
			last := int32(first + g.n - 1)
			o, ok := open[p.part]
			goesOn := ok && int32(first) <= spans[o.span].last+1
			// What was compared before need not be again: the n-gram just seen, and all words but the last of the one that follows it.
			known := goesOn && (o.hash == h || o.first+1 == int32(first) && o.word+1 == p.word && g.same(text, list, int(last), p, g.n-1))
			if !known && !g.equal(text, list, first, p) {
				continue
			}
			if goesOn {
				spans[o.span].last = last
			} else {
				o.span = len(spans)
				spans = append(spans, span{p.part, int32(first), last})
			}
			o.hash, o.first, o.word = h, int32(first), p.word
			open[p.part] = o
		}
	})
	scratch.spans = spans
	return spans
}

// gramScratch is the memory of one worker.
type gramScratch struct {
	spans []span
	open  map[int32]openSpan // by part, the last of its spans
}

// openSpan is a span that may go on, and the last n-gram that was found of its part.
type openSpan struct {
	span        int
	hash        uint64
	first, word int32 // of the text, and of the part
}

// equal compares all words of an n-gram with a place.
func (g *grams) equal(text string, list []word, first int, p gramPlace) bool {
	for k := range g.n {
		if !g.same(text, list, first+k, p, k) {
			return false
		}
	}
	return true
}

// same compares word i of the text with word k of a place, by their letters and digits.
func (g *grams) same(text string, list []word, i int, p gramPlace, k int) bool {
	a, b := &list[i], &g.words[p.part][int(p.word)+k]
	if a.hash != b.hash {
		return false
	}
	x, y := text[a.start:a.end], g.parts[p.part].text[b.start:b.end]
	if x == y {
		return true
	}
	var s, t words
	s.text, t.text = x, y
	var w word
	return s.next(&w) && t.next(&w) && string(s.fold) == string(t.fold)
}
