package datasets

import (
	"strings"
	"unicode"
)

// abbreviations end with a full stop without ending a sentence.
var abbreviations = map[string]bool{
	"mr": true, "mrs": true, "ms": true, "dr": true, "st": true, "vs": true, "fig": true, "approx": true,
	"e.g": true, "i.e": true, "rs": true, "sq": true, "cu": true, "prof": true, "jr": true,
}

// lastSentence cuts a text before its last sentence; before is empty when there is one only.
func lastSentence(s string) (before, last string) {
	s = strings.TrimSpace(s)
	runes := []rune(s)
	for i := len(runes) - 2; i > 0; i-- {
		if unicode.IsSpace(runes[i]) && endsSentence(runes[:i]) && startsSentence(runes[i+1:]) {
			return strings.TrimSpace(string(runes[:i])), strings.TrimSpace(string(runes[i+1:]))
		}
	}
	return "", s
}

func startsSentence(r []rune) bool {
	return len(r) > 0 && !unicode.IsSpace(r[0]) && !unicode.IsLower(r[0])
}

func endsSentence(r []rune) bool {
	for len(r) > 0 && strings.ContainsRune(`"')”’]`, r[len(r)-1]) {
		r = r[:len(r)-1]
	}
	if len(r) == 0 {
		return false
	}
	switch r[len(r)-1] {
	case '?', '!':
		return true
	case '.':
	default:
		return false
	}
	start := len(r) - 1
	for start > 0 && !unicode.IsSpace(r[start-1]) {
		start--
	}
	word := strings.ToLower(strings.TrimLeft(string(r[start:len(r)-1]), `("'`))
	if len([]rune(word)) == 1 && unicode.IsLetter([]rune(word)[0]) {
		return false // an initial
	}
	return !abbreviations[word]
}
