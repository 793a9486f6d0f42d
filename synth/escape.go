package synth

import (
	"fmt"
	"strings"
)

// escaper keeps marked strings out of a text, reversibly: it puts a backslash behind the first byte of each of them, and
// one more where backslashes stand there already. So no document can forge a tag or a special token, and unescape gives
// every text back.
type escaper struct {
	marks []string
	first [256]bool // bytes that some mark starts with
}

// newEscaper refuses marks that overlap: where one could start inside another, the backslash of the one would hide the
// other from unescape.
func newEscaper(marks []string) (escaper, error) {
	e := escaper{}
	for _, m := range marks {
		if m == "" {
			continue
		}
		for _, o := range e.marks {
			if m != o && (overlaps(m, o) || overlaps(o, m)) {
				return e, fmt.Errorf("the special texts %q and %q overlap: neither can be escaped safely", o, m)
			}
		}
		if overlaps(m, m) || strings.ContainsRune(m, '\\') {
			return e, fmt.Errorf("the special text %q overlaps itself or holds a backslash: it cannot be escaped safely", m)
		}
		e.marks = append(e.marks, m)
		e.first[m[0]] = true
	}
	return e, nil
}

// overlaps reports whether an occurrence of b can start inside an occurrence of a, behind its first byte.
func overlaps(a, b string) bool {
	for i := 1; i < len(a); i++ {
		rest := a[i:]
		if strings.HasPrefix(rest, b) || strings.HasPrefix(b, rest) {
			return true
		}
	}
	return false
}

// match tells how many backslashes stand behind the first byte of a mark at s[i:], or -1 where no mark stands.
func (e *escaper) match(s string, i int) int {
	if !e.first[s[i]] {
		return -1
	}
	slashes := 0
	for i+1+slashes < len(s) && s[i+1+slashes] == '\\' {
		slashes++
	}
	rest := s[i+1+slashes:]
	for _, m := range e.marks {
		if m[0] == s[i] && strings.HasPrefix(rest, m[1:]) {
			return slashes
		}
	}
	return -1
}

func (e *escaper) escape(s string) string {
	var b strings.Builder
	start := 0
	for i := 0; i < len(s); i++ {
		if e.match(s, i) >= 0 {
			b.WriteString(s[start : i+1])
			b.WriteByte('\\')
			start = i + 1
		}
	}
	if start == 0 {
		return s
	}
	b.WriteString(s[start:])
	return b.String()
}

func (e *escaper) unescape(s string) string {
	var b strings.Builder
	start := 0
	for i := 0; i < len(s); i++ {
		if e.match(s, i) > 0 {
			b.WriteString(s[start : i+1])
			start = i + 2
			i++
		}
	}
	if start == 0 {
		return s
	}
	b.WriteString(s[start:])
	return b.String()
}
