package page

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxOpening is how many letters a word may have that is counted by itself.
const maxOpening = 14

// Opening is the word that says what kind of task an instruction is: what, why, summarize, …
func Opening(instruction string) string {
	words := strings.FieldsFunc(strings.ToLower(instruction), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' })
	switch {
	case len(words) == 0 || utf8.RuneCountInString(words[0]) > maxOpening:
		return "other"
	case words[0] == "how" && len(words) > 1 && (words[1] == "many" || words[1] == "much"):
		return "how " + words[1]
	}
	return words[0]
}

// Ratio is a/b, 0 for b = 0.
func Ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// Percent writes a/b as a share.
func Percent(a, b int64) string { return strconv.FormatFloat(100*Ratio(a, b), 'f', 1, 64) + "%" }

// Short writes a number with two decimals at most.
func Short(x float64) string {
	s := strconv.FormatFloat(x, 'f', 2, 64)
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" || s == "-" {
		return "0"
	}
	return strings.Replace(s, "-", "−", 1)
}

// Group writes a number with thin spaces between thousands.
func Group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}
