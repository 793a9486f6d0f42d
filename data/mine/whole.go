package mine

import (
	"strings"
	"unicode/utf8"
)

// headed finds a document's title, and where its text begins behind it: the record's
// own title, or a first line that stands apart as headings do.
func headed(title, text string) (head, rule string, body int) {
	line, rest, _ := strings.Cut(text, "\n")
	line = strings.Trim(line, "#*=_ \t\r") // Markdown
	begin := len(text) - len(strings.TrimLeft(rest, " \t\r\n"))
	title = strings.TrimSpace(title)
	switch {
	case title != "" && strings.EqualFold(title, line):
		return title, "title", begin
	case title != "":
		return title, "title", 0
	case heading(line) && strings.TrimSpace(rest) != "" && (strings.HasPrefix(rest, "\n") || strings.HasPrefix(rest, "\r\n")):
		return line, "heading", begin
	}
	return "", "", 0
}

// heading is 2 to 12 words with a capital at the beginning and no stop at the end.
func heading(line string) bool {
	n := words(line)
	last, _ := utf8.DecodeLastRuneInString(line)
	return n >= 2 && n <= 12 && capital(line) == line && !strings.ContainsRune(".!?:;,", last) && clean(line) && titled(line)
}

// titled: a title is words, not a date, a by-line or a menu.
func titled(s string) bool {
	low := strings.ToLower(s)
	for _, p := range []string{"by ", "posted", "published", "home ", "menu", "skip to", "click", "copyright", "©", "share ", "page "} {
		if strings.HasPrefix(low, p) {
			return false
		}
	}
	return strings.ContainsFunc(low, func(r rune) bool { return r >= 'a' && r <= 'z' }) && !strings.ContainsAny(s, "|•»")
}

// summed mines a sentence that sums up, in the last third of a text of six sentences
// or more.
func summed(ss []sentence, found func(Kind, finding)) {
	for i := len(ss) - 1; i >= 5 && 3*i >= 2*len(ss); i-- {
		if words, means, rest, ok := opening(ss[i].text); ok && means == sums && ss[i].plain {
			found(Summary, finding{rule: words, at: ss[i].start, b: rest})
			return
		}
	}
}

// The end that is taken off for completion.
const (
	mostEnd   = 3   // sentences
	mostWords = 120 // of the end
	leastEnd  = 8   // words of the end
)

// ending finds where the last one to three sentences begin: of a text that keeps
// twice as many and three more. -1: the text does not allow it.
func ending(text string, ss []sentence, d *draw) int {
	k := 1 + d.below(mostEnd)
	if len(ss) < 3*k+3 {
		return -1
	}
	at := ss[len(ss)-k].start
	for _, s := range ss[len(ss)-k:] {
		if !s.plain {
			return -1
		}
	}
	if n := words(text[at:]); n < leastEnd || n > mostWords {
		return -1
	}
	return at
}
