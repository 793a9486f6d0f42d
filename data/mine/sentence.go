package mine

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sentence is a piece of a document that ends as sentences do, or with its paragraph.
type sentence struct {
	text       string // white space runs made one blank
	start, end int    // bytes of the document
	paragraph  int
	plain      bool // prose that can stand in a task by itself
}

// split cuts a text into sentences. Blank lines part paragraphs. A single line break
// ends a sentence too, unless it only wraps a line: the line has no full stop at its
// end and the next one begins with a small letter.
func split(text string) []sentence {
	var out []sentence
	paragraph, start := 0, 0
	cut := func(end int) {
		if s := strings.TrimSpace(text[start:end]); s != "" {
			from := start + strings.Index(text[start:end], s)
			line := strings.Join(strings.Fields(s), " ")
			out = append(out, sentence{line, from, from + len(s), paragraph, plain(line)})
		}
		start = end
	}
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\n':
			next := skipBlanks(text, i)
			switch {
			case strings.Count(text[i:next], "\n") > 1:
				cut(i)
				paragraph++
			case !wraps(text[start:i], text[next:]):
				cut(i)
			}
			i = next
		case c == '.' || c == '!' || c == '?':
			end := closed(text, i+1)
			if ends(text, start, i, end) {
				cut(end)
			}
			i = end
		default:
			i++
		}
	}
	cut(len(text))
	return out
}

// skipBlanks is the first place from i on that is no white space.
func skipBlanks(s string, i int) int {
	return i + len(s[i:]) - len(strings.TrimLeftFunc(s[i:], unicode.IsSpace))
}

// wraps tells whether a line break within a paragraph is no end.
func wraps(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(before, unicode.IsSpace))
	first, _ := utf8.DecodeRuneInString(after)
	return unicode.IsLower(first) && last != '.' && last != '!' && last != '?' && last != ':'
}

// closed skips further stops, closing quotes and brackets.
func closed(s string, i int) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !strings.ContainsRune(`.!?"')]”’»`, r) {
			break
		}
		i += n
	}
	return i
}

// abbreviations end with a full stop that does not end a sentence.
var abbreviations = set(`mr mrs ms dr prof st jr sr rev gen col capt lt sgt hon pres gov sen rep vs e.g i.e cf etc al fig figs no nos vol pp
	p ch sec eq approx dept univ inc ltd co corp u.s u.k u.n jan feb mar apr jun jul aug sep sept oct nov dec a.m p.m ca ed eds est min max`)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// ends tells whether the stop at i, whose closing signs reach up to end, is the end
// of the sentence that began at start.
func ends(text string, start, i, end int) bool {
	if end == len(text) {
		return true
	}
	next := skipBlanks(text, end)
	if next == end { // "3.5", "example.org"
		return false
	}
	if r, _ := utf8.DecodeRuneInString(text[next:]); next < len(text) && unicode.IsLower(r) {
		return false
	}
	if text[i] != '.' || end > i+1 {
		return true
	}
	word := text[start:i]
	word = strings.TrimLeft(word[strings.LastIndexFunc(word, unicode.IsSpace)+1:], `("'“‘[`)
	initial := utf8.RuneCountInString(word) == 1 && unicode.IsUpper([]rune(word)[0])
	return !initial && !abbreviations[strings.ToLower(word)]
}

// plain tells whether a sentence is prose that can stand in a task by itself: of 4 to
// 60 words, with a capital at its beginning and a full stop at its end, mostly of
// letters, quotes and brackets closed, no address, no code.
func plain(s string) bool {
	n := len(strings.Fields(s))
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, `"“(`))
	if n < 4 || n > 60 || !unicode.IsUpper(first) || !strings.HasSuffix(strings.TrimRight(s, `"”)`), ".") || strings.HasSuffix(s, "..") {
		return false
	}
	return clean(s) && !joined.MatchString(s)
}

var entity = regexp.MustCompile(`&#?\w+;`) // of HTML, left over

// joined are abbreviations before a capital, where a sentence may have ended unseen.
var joined = regexp.MustCompile(`\b(U\.S|U\.K|U\.N|etc|Inc|Ltd|Co|Corp|a\.m|p\.m|Jr|Sr|al)\. \p{Lu}`)

// clean is what plain asks of a part of a sentence too.
func clean(s string) bool {
	letters, capitals := 0, 0
	for _, r := range s {
		switch {
		case unicode.IsUpper(r):
			capitals++
			letters++
		case unicode.IsLetter(r) || r == ' ':
			letters++
		}
	}
	return letters*10 >= len([]rune(s))*8 && capitals*3 <= letters && balanced(s) &&
		!strings.ContainsAny(s, "|{}<>=\\_@#*") && !strings.Contains(s, "``") && !entity.MatchString(s) && !strings.Contains(s, "://") && !strings.Contains(s, "www.")
}

func balanced(s string) bool {
	return strings.Count(s, "(") == strings.Count(s, ")") && strings.Count(s, "[") == strings.Count(s, "]") &&
		strings.Count(s, `"`)%2 == 0 && strings.Count(s, "“") == strings.Count(s, "”")
}

// capital is s with its first letter upper case.
func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// stopped is a part of a sentence as a sentence: a capital and a full stop.
func stopped(s string) string {
	return capital(strings.TrimRight(strings.TrimSpace(s), " ,;:.")) + "."
}

// bareWord is a word as rules compare it: lower case, without punctuation around it.
func bareWord(s string) string {
	return strings.ToLower(strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
}

func words(s string) int { return len(strings.Fields(s)) }
