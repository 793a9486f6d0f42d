package tokenizer

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// A NUL byte ends a C string. It travels as U+FDD0 U+FDD1, a U+FDD0 of the text itself as U+FDD0
// U+FDD2, and the first normalizer inside the library turns both back, so that everything after it
// sees the text as it was. These code points are noncharacters, neither letters nor digits nor
// blanks, as NUL is not: what looks at a token's neighbours before that normalizer finds the same.
const (
	escapeChar = "\uFDD0"
	escapeNUL  = "\uFDD1"
	escapeSelf = "\uFDD2"
)

const replacementChar = "\uFFFD"

// edit is a piece of the prepared text that stands for other bytes of the original: bytes
// out..outEnd for in..inEnd.
type edit struct{ out, outEnd, in, inEnd int }

// prepared is a text made fit for the library.
type prepared struct {
	text    []byte // ends in its only NUL
	escaped bool   // needs the variant whose normalizer undoes the escape
	edits   []edit // in order; empty for most texts
}

// prepare turns any string into valid UTF-8 without a NUL byte and ends it in one. Each maximal
// subpart of an invalid sequence (Unicode, section 3.9) becomes one U+FFFD.
func prepare(s string) prepared {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		text := make([]byte, len(s)+1)
		copy(text, s)
		return prepared{text: text}
	}
	p := prepared{escaped: strings.IndexByte(s, 0) >= 0}
	p.text = make([]byte, 0, len(s)+len(s)/2+1)
	for i := 0; i < len(s); {
		with, n := "", 0
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case r == utf8.RuneError && size == 1:
			with, n = replacementChar, invalidLen(s[i:])
		case p.escaped && r == 0:
			with, n = escapeChar+escapeNUL, 1
		case p.escaped && s[i:i+size] == escapeChar:
			with, n = escapeChar+escapeSelf, size
		default:
			p.text = append(p.text, s[i:i+size]...)
			i += size
			continue
		}
		p.edits = append(p.edits, edit{len(p.text), len(p.text) + len(with), i, i + n})
		p.text = append(p.text, with...)
		i += n
	}
	p.text = append(p.text, 0)
	return p
}

// original returns the offset in the original text of an offset in the prepared one; inside an edit
// it is the edit's start, or its end if that is asked for.
func (p prepared) original(offset int, end bool) int {
	i := sort.Search(len(p.edits), func(i int) bool { return p.edits[i].outEnd > offset })
	if i < len(p.edits) && p.edits[i].out < offset { // strictly inside edit i
		if end {
			return p.edits[i].inEnd
		}
		return p.edits[i].in
	}
	if i == 0 {
		return offset
	}
	return offset - p.edits[i-1].outEnd + p.edits[i-1].inEnd
}

// invalidLen returns the length of the maximal subpart at the start of s, which does not begin with
// a valid character: the longest prefix that a valid character could begin with, at least one byte.
func invalidLen(s string) int {
	lead := s[0]
	need, low, high := 0, byte(0x80), byte(0xBF) // continuation bytes; range of the first of them
	switch {
	case 0xC2 <= lead && lead <= 0xDF:
		need = 1
	case 0xE0 <= lead && lead <= 0xEF:
		need = 2
	case 0xF0 <= lead && lead <= 0xF4:
		need = 3
	}
	switch lead {
	case 0xE0:
		low = 0xA0
	case 0xED:
		high = 0x9F
	case 0xF0:
		low = 0x90
	case 0xF4:
		high = 0x8F
	}
	n := 1
	for ; n <= need && n < len(s) && low <= s[n] && s[n] <= high; n++ {
		low, high = 0x80, 0xBF
	}
	return n
}

// lossy returns b as valid UTF-8 by the rule of prepare, for decoding.
func lossy(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	s := string(b)
	var out strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			out.WriteString(replacementChar)
			i += invalidLen(s[i:])
			continue
		}
		out.WriteString(s[i : i+size])
		i += size
	}
	return out.String()
}
