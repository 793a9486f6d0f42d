package tokenizer

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// An escape is how a NUL byte, which ends a C string, travels to the library: as one character, and
// the two characters that the escape needs, where the text has them itself, as two. The first
// normalizers inside the library turn all three back, so that everything after them sees the text
// as it was. The characters are noncharacters of Unicode, neither letters nor digits nor blanks, as
// NUL is not: what looks at a special token's neighbours before the normalizers finds the same.
//
// Turning two characters into one shifts, inside the library, where a text begins, and one
// pre-tokenizer asks for that. So there are two escapes, and a text that begins with a character of
// the first takes the second.
type escape struct {
	nul, mark       string // NUL; first of the two characters
	ownNul, ownMark string // second one: nul or mark itself
}

var escapes = [...]escape{
	{nul: "\uFDD0", mark: "\uFDD1", ownNul: "\uFDD2", ownMark: "\uFDD3"},
	{nul: "\uFDD4", mark: "\uFDD5", ownNul: "\uFDD6", ownMark: "\uFDD7"},
}

// escapeChars are all of them, for the check that no token has one.
const escapeChars = "\uFDD0\uFDD1\uFDD2\uFDD3\uFDD4\uFDD5\uFDD6\uFDD7"

// undo returns the normalizers that take the escape off. Their order matters: what stands for NUL
// goes first, since the others bring it back.
func (e escape) undo() []step {
	replace := func(from, to string) step {
		return step{"type": "Replace", "pattern": step{"String": from}, "content": to}
	}
	return []step{replace(e.nul, "\x00"), replace(e.mark+e.ownNul, e.nul), replace(e.mark+e.ownMark, e.mark)}
}

// of returns what c travels as, "" for itself.
func (e escape) of(c string) string {
	switch c {
	case "\x00":
		return e.nul
	case e.nul:
		return e.mark + e.ownNul
	case e.mark:
		return e.mark + e.ownMark
	}
	return ""
}

const replacementChar = "\uFFFD"

// edit is a piece of the prepared text that stands for other bytes of the original: bytes
// out..outEnd for in..inEnd.
type edit struct{ out, outEnd, in, inEnd int }

// prepared is a text made fit for the library.
type prepared struct {
	text   []byte // ends in its only NUL
	escape int    // 1 + index of the escape it is under, 0 for none
	edits  []edit // in order; empty for most texts
}

// prepare turns any string into valid UTF-8 without a NUL byte and ends it in one. Each maximal
// subpart of an invalid sequence (Unicode, section 3.9) becomes one U+FFFD.
func prepare(s string) prepared {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		text := make([]byte, len(s)+1)
		copy(text, s)
		return prepared{text: text}
	}
	var p prepared
	if strings.IndexByte(s, 0) >= 0 {
		p.escape = 1
		if strings.HasPrefix(s, escapes[0].nul) || strings.HasPrefix(s, escapes[0].mark) {
			p.escape = 2
		}
	}
	p.text = make([]byte, 0, len(s)+len(s)/2+1)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		with := ""
		if r == utf8.RuneError && size == 1 {
			with, size = replacementChar, invalidLen(s[i:])
		} else if p.escape > 0 {
			with = escapes[p.escape-1].of(s[i : i+size])
		}
		if with == "" {
			p.text = append(p.text, s[i:i+size]...)
		} else {
			p.edits = append(p.edits, edit{len(p.text), len(p.text) + len(with), i, i + size})
			p.text = append(p.text, with...)
		}
		i += size
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
