package mine

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A term is one to four words without punctuation, in quotes or not.
const term = `["“']?(?P<term>(?:[\pL][\pL\pN'’-]*)(?: [\pL\pN][\pL\pN'’-]*){0,3})["”']?`

// The forms of a definition.
var definitions = []struct {
	name   string
	hint   string // found quickly where the form may be
	re     *regexp.Regexp
	termed func(sentence, name string) bool
}{
	{"is defined as", " defined as ", regexp.MustCompile(`^(?:(?:The (?:term|word|phrase|concept of)|An?) )?` + term + ` (?:is|are) defined as (?P<body>.+)\.$`), anyTerm},
	{"refers to", " refers to ", regexp.MustCompile(`^(?:The (?:term|word|phrase) )?` + term + ` refers to (?P<body>.+)\.$`), thing},
	{"means", " means ", regexp.MustCompile(`^The (?:term|word|phrase) ` + term + ` means (?P<body>.+)\.$`), anyTerm},
	{"is called", " is ", regexp.MustCompile(`^(?P<body>An? .+ (?:that|which|who|in which) .+) is (?:called|known as) (?:an? |the )?` + term + `\.$`), small},
	{"is a … that", " is a", regexp.MustCompile(`^(?:An? )?` + term + ` is (?P<body>an? [^,;:]*?(?: (?:that|which|who|whose|in which|where|used|consisting|containing|made) ).+)\.$`), notPerson},
}

func anyTerm(string, string) bool { return true }

// small terms are no names.
func small(_, name string) bool { return unicode.IsLower([]rune(name)[0]) }

// nominal endings are those of words for actions, states and fields.
var nominal = regexp.MustCompile(`(tion|sion|ment|ness|ity|sis|ism|ing|ure|ance|ence|ship|graphy|logy|try|cy|ics|hood)$`)

// thing: somebody may refer to something too. A term is announced as one, has a
// nominal ending, or is of several words of which only the first has a capital.
func thing(sentence, name string) bool {
	announced := strings.HasPrefix(sentence, "The ")
	return announced || capitals(name) <= 1 && (words(name) > 1 || nominal.MatchString(strings.ToLower(name)))
}

// pointing is a "that" which points at something and opens no relative clause.
var pointing = regexp.MustCompile(`\b(in|of|at|on|for|to|by|with|from|like|than) that\b`)

// notPerson: people and firms are told about, not defined.
func notPerson(sentence, name string) bool {
	if pointing.MatchString(sentence) {
		return false
	}
	an := strings.HasPrefix(sentence, "A ") || strings.HasPrefix(sentence, "An ")
	return capitals(name) <= 1 && (an || !strings.Contains(sentence, " who "))
}

// noTerms are words that no term has, since they stand for something said before.
var noTerms = set(`it he she they we you i this that these those there here what which who whom where when how why one another each
	every some any all both many most few such its his her their our my your the first second third other others nothing everything
	something someone anyone everyone nobody somebody if when while although because but and or so then now also another yet what
	however therefore thus hence moreover only today tomorrow yesterday`)

// verbs inside a term show that it is no name of a thing.
var verbs = set(`is are was were be been has have had do does did can could will would may might must shall should not said says
	believe believes think thinks`)

// defined mines single sentences.
func defined(s sentence, found func(Kind, finding)) {
	if !s.plain {
		return
	}
	for _, d := range definitions {
		if !strings.Contains(s.text, d.hint) {
			continue
		}
		m := d.re.FindStringSubmatch(s.text)
		if m == nil {
			continue
		}
		name, body := m[d.re.SubexpIndex("term")], m[d.re.SubexpIndex("body")]
		if !isTerm(name) || !d.termed(s.text, name) || words(body) < 3 || !clean(body) {
			return
		}
		found(Definition, finding{rule: d.name, at: s.start, a: common(name), b: stopped(body)})
		return
	}
}

func isTerm(name string) bool {
	for _, w := range strings.Fields(strings.ToLower(name)) {
		if noTerms[w] || verbs[w] {
			return false
		}
	}
	return true
}

func capitals(s string) (n int) {
	for _, w := range strings.Fields(s) {
		if unicode.IsUpper([]rune(w)[0]) {
			n++
		}
	}
	return n
}

// common takes the capital off a term that only has it for beginning a sentence: one
// of several words whose others are small. A single word may be a name.
func common(name string) string {
	fields := strings.Fields(name)
	first, n := utf8.DecodeRuneInString(name)
	if len(fields) < 2 || capitals(name) != 1 || strings.ToLower(fields[0][n:]) != fields[0][n:] {
		return name
	}
	return string(unicode.ToLower(first)) + name[n:]
}
