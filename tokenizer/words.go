package tokenizer

import (
	"strings"
	"sync"
)

// Most of a text is words that stood in texts before, and the library spends a microsecond on each of them every time. So texts are
// cut where the tokens on both sides cannot depend on each other, and the ids of short pieces are remembered. What is remembered came
// from the library, and so does every other piece: the ids are the library's own.
//
// A cut lies before a single blank, between two ASCII characters that are none. That it is one is a property of a tokenizer.json:
//
// Those that write blanks as "▁" merge across words, as far as their merges go: where no merge puts "▁" behind another
// character, words never meet. Many put a "▁" before every text; what is behind a cut is then given to the library without its blank.
//
// Byte-level tokenizers split texts by one of a few known expressions first. In none of them has a token a blank behind another
// character, so that one always begins at the blank; none looks back; and they look ahead among blanks only. Nor have they any blank
// or mark behind a letter or digit, but "'" and ">": before those there are cuts as well.
//
// Added tokens are found in the text before all that. They must hold no place of a cut, nor begin or end at one: what is behind one is
// given a "▁" of its own, and some take the blanks beside them or ask who stands there.

const (
	maxWord   = 48      // bytes of a piece that is remembered
	maxWords  = 1 << 14 // pieces in one generation of a cache
	metaBlank = "▁"
)

// words are the caches of one variant.
type words struct {
	*cuts
	handle handle // of the library, which is asked about what no cache knows
	mu     sync.Mutex
	free   []*wordCache // one for every encoding that was ever under way at once
}

// cuts says between which bytes a text may be cut.
type cuts struct {
	bare         bool      // pieces behind a cut go to the library without their blank, since it adds one
	ends, starts [256]bool // bytes before and behind a single blank
	words, marks [256]bool // letters and digits before, and blanks and marks behind, a cut of byte-level tokenizers
}

// cutsOf returns nil where nothing is known about cuts.
func cutsOf(s *spec) *cuts {
	c, bytes := &cuts{}, s.splitsBytes()
	if !bytes && !s.splitsBlanks(&c.bare) {
		return nil
	}
	for b := '!'; b <= '~'; b++ {
		// Neighbours that are not in the vocabulary may become one token.
		_, known := s.model.Vocab[string(b)]
		c.ends[b], c.starts[b] = bytes || known, true
	}
	if bytes && s.pre[len(s.pre)-1]["add_prefix_space"] == false {
		for b := range byte(0x7f) {
			switch {
			case '0' <= b && b <= '9', 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z':
				c.words[b] = true
			case b > ' ':
				c.marks[b] = b != '\'' && b != '>'
			default:
				c.marks[b] = strings.IndexByte(" \t\n\r", b) >= 0
			}
		}
	}
	for _, a := range s.added {
		if strings.Contains(a.Content, " ") || strings.Contains(a.Content, metaBlank) {
			return nil
		}
		c.starts[a.Content[0]] = false
		last := a.Content[len(a.Content)-1]
		c.ends[last], c.words[last] = false, false
		for _, b := range []byte(a.Content) {
			c.marks[b] = false
		}
	}
	return c
}

// splitsBytes reports whether texts are split by one of the known expressions, and nothing else happens to them but what leaves ASCII
// alone.
func (s *spec) splitsBytes() bool {
	for _, n := range s.normalizer {
		if n["type"] != "NFC" {
			return false
		}
	}
	if len(s.pre) == 1 {
		return s.pre[0]["type"] == "ByteLevel" && s.pre[0]["use_regex"] == true
	}
	if len(s.pre) != 2 || s.pre[0]["type"] != "Split" || s.pre[1]["type"] != "ByteLevel" || s.pre[1]["use_regex"] == true {
		return false
	}
	regex, ok := s.pre[0]["pattern"].(step)["Regex"].(string)
	return ok && contains(textPatterns, regex) && s.pre[0]["behavior"] == "Isolated" && s.pre[0]["invert"] == false
}

// splitsBlanks reports whether blanks become "▁", to which no merge joins what is before it; bare: whether one more goes before
// every text.
func (s *spec) splitsBlanks(bare *bool) bool {
	replaces := func(n step) bool {
		pattern, ok := n["pattern"].(step)
		return ok && n["type"] == "Replace" && pattern["String"] == " " && n["content"] == metaBlank
	}
	switch n, p := s.normalizer, s.pre; {
	case len(n) == 2 && len(p) == 0 && n[0]["type"] == "Prepend" && n[0]["prepend"] == metaBlank && replaces(n[1]):
		*bare = true
	case len(n) == 1 && len(p) == 0 && replaces(n[0]):
	case len(n) == 0 && len(p) == 1 && p[0]["type"] == "Metaspace" && p[0]["replacement"] == metaBlank:
		*bare = p[0]["prepend_scheme"] != "never"
	default:
		return false
	}
	if _, ok := s.model.Vocab[metaBlank]; !ok || s.model.IgnoreMerges {
		return false
	}
	for _, m := range s.model.Merges {
		if !strings.HasSuffix(m[0], metaBlank) && strings.HasPrefix(m[1], metaBlank) {
			return false
		}
	}
	return true
}

// next returns where the piece that begins at from ends: at a cut or at the text's end.
func (c *cuts) next(text []byte, from int) int {
	for i := from + 1; i < len(text); i++ {
		b, before := text[i], text[i-1]
		if c.marks[b] && c.words[before] || b == ' ' && c.ends[before] && i+1 < len(text) && c.starts[text[i+1]] {
			return i
		}
	}
	return len(text)
}

// encode is the library's encode of a text that ends in its only NUL byte.
func (w *words) encode(text []byte) ([]int32, error) {
	cache := w.take()
	defer w.put(cache)
	text = text[:len(text)-1]
	ids := make([]int32, 0, len(text)/3+4)
	for from := 0; from < len(text); {
		to := w.next(text, from)
		piece := text[from:to]
		if from > 0 && w.bare {
			piece = piece[1:]
		}
		known, ok := cache.find(piece)
		if !ok {
			var err error
			cache.asked = append(append(cache.asked[:0], piece...), 0)
			if known, _, err = w.handle.encode(cache.asked, false); err != nil {
				return nil, err
			}
			cache.keep(piece, known)
		}
		ids = append(ids, known...)
		from = to
	}
	return ids, nil
}

// take returns a cache that nobody else has meanwhile.
func (w *words) take() *wordCache {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.free) - 1
	if n < 0 {
		return &wordCache{young: map[string][]int32{}}
	}
	c := w.free[n]
	w.free = w.free[:n]
	return c
}

func (w *words) put(c *wordCache) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.free = append(w.free, c)
}

// wordCache remembers pieces in two generations: when the young one is full it becomes the old one, from which what is still asked for
// moves on.
type wordCache struct {
	young, old map[string][]int32
	asked      []byte // the piece that the library is asked about
}

func (c *wordCache) find(piece []byte) ([]int32, bool) {
	ids, ok := c.young[string(piece)]
	if !ok {
		if ids, ok = c.old[string(piece)]; ok {
			c.keep(piece, ids)
		}
	}
	return ids, ok
}

func (c *wordCache) keep(piece []byte, ids []int32) {
	if len(piece) > maxWord {
		return
	}
	if len(c.young) == maxWords {
		c.young, c.old = make(map[string][]int32, maxWords), c.young
	}
	c.young[string(piece)] = ids
}
