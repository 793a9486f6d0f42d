package curate

import (
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// word is one word of a text: what stands between blanks, or one character of a script that is written without blanks.
type word struct {
	start, end uint32 // bytes of the text
	chars      uint32 // characters from start to end
	hash       uint64 // of its letters, marks and digits in lower case; 0 where it has none
	letter     bool   // has a letter
	unspaced   bool   // is one character of a script without blanks
}

// words goes through a text word by word. The longest text is data.MaxLine, so that offsets fit 32 bits.
type words struct {
	text string
	pos  int
	fold []byte // the letters, marks and digits of the last word, in lower case
}

// Classes of ASCII characters.
const (
	symbol = iota
	blankClass
	lower
	upper
	digit
)

var ascii = func() (t [utf8.RuneSelf]uint8) {
	for c := range t {
		switch {
		case c == ' ' || c >= '\t' && c <= '\r':
			t[c] = blankClass
		case c >= 'a' && c <= 'z':
			t[c] = lower
		case c >= 'A' && c <= 'Z':
			t[c] = upper
		case c >= '0' && c <= '9':
			t[c] = digit
		}
	}
	return t
}()

// unspacedScripts are written without blanks between words: each character counts as a word.
var unspacedScripts = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

func isUnspaced(r rune) bool { return r >= 0x0e00 && unicode.In(r, unspacedScripts...) }

// next gives the next word; false when there is none.
func (s *words) next(w *word) bool {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c < utf8.RuneSelf {
			if ascii[c] != blankClass {
				break
			}
			s.pos++
			continue
		}
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if !unicode.IsSpace(r) {
			break
		}
		s.pos += size
	}
	if s.pos >= len(s.text) {
		return false
	}
	*w = word{start: uint32(s.pos)}
	s.fold = s.fold[:0]
	s.scan(w)
	w.end = uint32(s.pos)
	if len(s.fold) > 0 {
		w.hash = xxh3.Hash(s.fold) | 1 // never 0
	}
	return true
}

// scan reads on to the end of the word.
func (s *words) scan(w *word) {
	text, start := s.text, s.pos
	end := start
	for end < len(text) && text[end] < utf8.RuneSelf && ascii[text[end]] == lower { // most words are no more than this
		end++
	}
	if s.pos = end; end > start {
		s.fold, w.letter = append(s.fold, text[start:end]...), true
		w.chars = uint32(end - start)
	}
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c >= utf8.RuneSelf {
			if !s.scanRune(w) {
				return
			}
			continue
		}
		switch ascii[c] {
		case blankClass:
			return
		case lower:
			s.fold, w.letter = append(s.fold, c), true
		case upper:
			s.fold, w.letter = append(s.fold, c+'a'-'A'), true
		case digit:
			s.fold = append(s.fold, c)
		}
		w.chars++
		s.pos++
	}
}

// scanRune reads one character beyond ASCII; false when the word ends before or with it.
func (s *words) scanRune(w *word) bool {
	r, size := utf8.DecodeRuneInString(s.text[s.pos:])
	if unicode.IsSpace(r) {
		return false
	}
	alone := isUnspaced(r) && !unicode.Is(unicode.M, r)
	if alone && w.chars > 0 {
		return false
	}
	s.pos += size
	w.chars++
	if unicode.IsLetter(r) {
		w.letter = true
	}
	if unicode.In(r, unicode.L, unicode.M, unicode.N) {
		s.fold = utf8.AppendRune(s.fold, unicode.ToLower(r))
	}
	if alone {
		w.unspaced = true
		s.marks(w)
	}
	return !alone
}

// marks takes the marks that belong to a character that stands alone.
func (s *words) marks(w *word) {
	for s.pos < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if !unicode.Is(unicode.M, r) {
			return
		}
		s.pos += size
		w.chars++
		s.fold = utf8.AppendRune(s.fold, unicode.ToLower(r))
	}
}
