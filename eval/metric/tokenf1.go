// Package metric holds the scores that evaluations report, as plain functions on predictions and golds: token F1 and its
// one-to-one matching of pairs, accuracy, and standard errors. It knows nothing of models.
//
// Where to begin: TokenF1 for one text, SetF1 for a set of them, Accuracy and MeanOf for a Score over many, Lead for the
// question whether one Score is better than another.
package metric

import (
	"strings"
	"unicode"
)

// Normalize prepares a text for TokenF1, as the SQuAD v1.1 script does: lower-case; ASCII punctuation deleted; the words a,
// an, the replaced by a space; white space collapsed. Word boundaries are Unicode's, so that the article inside "aïeul"
// stays.
func Normalize(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			return -1
		}
		return r
	}, strings.ToLower(s))
	return strings.Join(strings.Fields(dropArticles(s)), " ")
}

// dropArticles replaces whole words a, an, the by a space; a word is a run of letters, digits, marks of digits or "_", as
// in Python's \b.
func dropArticles(s string) string {
	var out strings.Builder
	runes := []rune(s)
	for i := 0; i < len(runes); {
		if !wordRune(runes[i]) {
			out.WriteRune(runes[i])
			i++
			continue
		}
		j := i
		for j < len(runes) && wordRune(runes[j]) {
			j++
		}
		switch w := string(runes[i:j]); w {
		case "a", "an", "the":
			out.WriteByte(' ')
		default:
			out.WriteString(w)
		}
		i = j
	}
	return out.String()
}

func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

// TokenF1 is the harmonic mean of precision and recall over the multisets of normalised tokens; 0 when nothing is shared,
// so also when both are empty.
func TokenF1(predicted, gold string) float64 {
	p, g := strings.Fields(Normalize(predicted)), strings.Fields(Normalize(gold))
	left := make(map[string]int, len(g))
	for _, t := range g {
		left[t]++
	}
	common := 0
	for _, t := range p {
		if left[t] > 0 {
			left[t]--
			common++
		}
	}
	if common == 0 {
		return 0
	}
	precision, recall := float64(common)/float64(len(p)), float64(common)/float64(len(g))
	return 2 * precision * recall / (precision + recall)
}

// BestF1 is the largest TokenF1 against several golds.
func BestF1(predicted string, golds []string) float64 {
	best := 0.0
	for _, g := range golds {
		best = max(best, TokenF1(predicted, g))
	}
	return best
}
