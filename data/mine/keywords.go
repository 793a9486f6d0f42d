package mine

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// light are words that say little by themselves.
var light = set(`about beside besides amid above across after again against almost along already also although always among another around away back
	because been before behind being below between beyond both cannot could does doing done down during each either else enough even
	ever every from further goes going gone have having here hers herself himself hers into itself just least less like made make many
	maybe might more most much must never none nothing often once only other others ought ours over perhaps quite rather really same
	several shall should since some something sometimes soon still such than that their theirs them themselves then there these they
	thing things this those though through thus till together too toward towards under until upon very want well were what whatever
	when where whether which while whom whose will with within without would your yours yourself however therefore moreover`)

// keywords mines sentences that can be written again from some of their words: 8 to 30
// words that lean on nothing said before, three to five of them heavy and different.
func keywords(s sentence, found func(Kind, finding)) {
	n := words(s.text)
	if n < 8 || n > 30 || !s.plain {
		return
	}
	fields := strings.Fields(s.text)
	if noTerms[bareWord(fields[0])] && !article(fields[0]) {
		return
	}
	if _, _, _, opened := opening(s.text); opened {
		return
	}
	var heavy []string
	seen := map[string]bool{}
	for i, w := range fields {
		w = strings.TrimFunc(w, func(r rune) bool { return !unicode.IsLetter(r) })
		low := strings.ToLower(w)
		name := i > 0 && w != "" && unicode.IsUpper([]rune(w)[0])
		if light[low] || seen[low] || i == 0 || !name && utf8.RuneCountInString(w) < 5 || strings.ContainsAny(w, "'’.,") || len(w) < 2 {
			continue
		}
		seen[low] = true
		heavy = append(heavy, w)
	}
	if len(heavy) >= 3 {
		found(WordToText, finding{rule: "words", at: s.start, b: s.text, words: heavy})
	}
}

func article(w string) bool { return w == "A" || w == "An" || w == "The" }
