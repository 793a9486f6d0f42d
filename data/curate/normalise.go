package curate

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/primer-lm/primer/data"
)

// NormaliseOptions is the table [normalise].
type NormaliseOptions struct {
	MaxBlankLines int `toml:"max_blank_lines" json:"max_blank_lines"` // in a row
}

func (o *NormaliseOptions) check() error {
	if o.MaxBlankLines < 0 || o.MaxBlankLines > 1000 {
		return fmt.Errorf("max_blank_lines = %d, must be 0 to 1000", o.MaxBlankLines)
	}
	return nil
}

// Reasons of stage normalise.
const Empty = "empty" // nothing but blanks and invisible characters

// normaliser makes texts comparable without changing what they say:
//
//   - Unicode NFC;
//   - line ends, and separators of lines, paragraphs and pages, become "\n";
//   - control characters go, tabs and newlines excepted; so do zero-width blanks, byte order marks, soft hyphens, marks of
//     direction and tags; joiners stay where a script or an emoji needs them, that is after a character beyond Latin;
//   - blanks of other widths become ordinary ones (the ideographic one stays), those at the end of a line go;
//   - runs of blanks inside a line of running text become one.
//
// What lays a text out stays: the blanks that a line begins with, every tab, single newlines, up to MaxBlankLines blank lines in a
// row, and, in a paragraph that looks laid out (code, a table: see laidOut), runs of blanks too.
type normaliser struct{ opt NormaliseOptions }

func newNormaliser(opt NormaliseOptions) *normaliser { return &normaliser{opt} }

func (n *normaliser) judge(_ int, doc *data.Document) verdict {
	text := n.text(doc.Text)
	if strings.TrimSpace(text) == "" {
		return verdict{drop: &Drop{Reason: Empty}}
	}
	v := verdict{changed: text != doc.Text}
	doc.Text = text
	v.keep = []data.Document{*doc}
	return v
}

func (n *normaliser) text(s string) string {
	for range 4 { // what NFC joins may end where something invisible stood: it settles at once, in all but odd texts
		t := n.blanks(visible(norm.NFC.String(s)))
		if t == s {
			break
		}
		s = t
	}
	return s
}

// visible drops and replaces single characters.
func visible(s string) string {
	first := 0
	for first < len(s) && plain[s[first]] {
		first++
	}
	if first == len(s) || !strings.ContainsFunc(s[first:], odd) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	before := rune(' ') // the last character that was written
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == '\r':
			if i < len(s) && s[i] == '\n' {
				continue
			}
			r = '\n'
		case isLineEnd(r):
			r = '\n'
		case isWide(r):
			r = ' '
		case r == '\u200c' || r == '\u200d':
			if before < 0x0370 {
				continue
			}
		case odd(r):
			continue
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}

// plain tells the bytes of ASCII that visible leaves alone.
var plain = func() (t [256]bool) {
	for c := range utf8.RuneSelf {
		t[c] = !odd(rune(c))
	}
	return t
}()

// odd tells characters that visible may change.
func odd(r rune) bool {
	switch {
	case r < ' ':
		return r != '\n' && r != '\t'
	case r < 0x7f:
		return false // the quick way for most
	}
	return r < 0xa0 || isLineEnd(r) || isWide(r) || isInvisible(r) || r == '\u200c' || r == '\u200d'
}

// isLineEnd: vertical tab, form feed, next line, line and paragraph separator.
func isLineEnd(r rune) bool {
	return r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029'
}

// isWide tells the blanks of other widths than the ordinary one, the ideographic one excepted.
func isWide(r rune) bool { return r != ' ' && r != '\u3000' && unicode.Is(unicode.Zs, r) }

// isInvisible tells characters without width that say nothing.
func isInvisible(r rune) bool {
	switch {
	case r == '\u00ad', r == '\u180e', r == '\u200b', r == '\u200e', r == '\u200f', r == '\ufeff':
	case r >= '\u202a' && r <= '\u202e', r >= '\u2060' && r <= '\u206f':
	case r >= '\ufff9' && r <= '\ufffb', r >= 0xe0000 && r <= 0xe007f:
	default:
		return false
	}
	return true
}

// blanks tidies lines and runs of blanks, paragraph by paragraph.
func (n *normaliser) blanks(s string) string {
	if !n.untidy(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	blank := 0 // blank lines since the last paragraph
	for len(s) > 0 {
		var paragraph string
		if paragraph, s = cutParagraph(s); paragraph == "" {
			blank++
			continue
		}
		if b.Len() > 0 {
			for range 1 + min(blank, n.opt.MaxBlankLines) {
				b.WriteByte('\n')
			}
		}
		blank = 0
		writeParagraph(&b, paragraph, laidOut(paragraph))
	}
	return b.String()
}

// untidy tells, at the speed of a search, whether there is anything to tidy.
func (n *normaliser) untidy(s string) bool {
	return s == "" || s[0] == '\n' || s[len(s)-1] == '\n' || isBlank(s[len(s)-1]) || strings.Contains(s, "  ") || strings.Contains(s, " \n") ||
		strings.Contains(s, "\t\n") || isBlank(s[0]) || strings.Contains(s, strings.Repeat("\n", n.opt.MaxBlankLines+2))
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// cutParagraph gives the lines up to the next blank line, or "" and the rest behind one blank line.
func cutParagraph(s string) (paragraph, rest string) {
	for end := 0; ; {
		line, _, more := strings.Cut(s[end:], "\n")
		if strings.Trim(line, " \t") == "" {
			if end > 0 {
				return s[:end-1], s[end:]
			}
			if !more {
				return "", ""
			}
			return "", s[len(line)+1:]
		}
		end += len(line) + 1
		if !more {
			return s, ""
		}
	}
}

// laidOut tells paragraphs whose blanks mean something: a line begins with a blank, or has a tab or "|" in it, or two lines have
// runs of blanks that do not follow the end of a sentence.
func laidOut(paragraph string) bool {
	if isBlank(paragraph[0]) || strings.ContainsAny(paragraph, "\t|") || strings.Contains(paragraph, "\n ") {
		return true
	}
	lines := 0
	for line := range strings.SplitSeq(paragraph, "\n") {
		line = strings.TrimRight(line, " ")
		for i := strings.Index(line, "  "); i >= 0; i = strings.Index(line, "  ") {
			if i > 0 && !strings.ContainsRune(".!?:;\"')", rune(line[i-1])) {
				lines++
				break
			}
			line = strings.TrimLeft(line[i:], " ")
		}
		if lines == 2 {
			return true
		}
	}
	return false
}

func writeParagraph(b *strings.Builder, paragraph string, asItIs bool) {
	first := true
	for line := range strings.SplitSeq(paragraph, "\n") {
		if !first {
			b.WriteByte('\n')
		}
		first = false
		line = strings.TrimRight(line, " \t")
		for !asItIs {
			i := strings.Index(line, "  ")
			if i < 0 {
				break
			}
			b.WriteString(line[:i+1])
			line = strings.TrimLeft(line[i:], " ")
		}
		b.WriteString(line)
	}
}
