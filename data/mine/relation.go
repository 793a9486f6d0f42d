package mine

import "strings"

// relation is what an opening word says of a sentence and the one before it.
type relation int

const (
	follows relation = iota // B is a conclusion from A
	adds                    // B is something else about the matter
	against                 // B stands against A
	caused                  // A brought B about
	because                 // B is why A
	again                   // B says A in other words
	sums                    // B sums up what came before
)

// openings are matched at the beginning of a sentence, as they stand, comma included:
// "Thus far", "Hence the name" and "As a result of" are none of them.
var openings = []struct {
	words string
	means relation
}{
	{"Therefore,", follows}, {"Thus,", follows}, {"Hence,", follows}, {"Consequently,", follows}, {"It follows that", follows},
	{"Moreover,", adds}, {"Furthermore,", adds}, {"In addition,", adds}, {"Additionally,", adds},
	{"However,", against}, {"On the contrary,", against}, {"In contrast,", against}, {"By contrast,", against}, {"Conversely,", against},
	{"As a result,", caused}, {"As a consequence,", caused}, {"For this reason,", caused}, {"For that reason,", caused},
	{"Because of this,", caused}, {"That is why", caused}, {"This is why", caused},
	{"This is because", because}, {"That is because", because}, {"The reason is that", because},
	{"In other words,", again}, {"That is to say,", again}, {"Put differently,", again}, {"Put another way,", again},
	{"To put it another way,", again}, {"To put it differently,", again}, {"Put simply,", again}, {"Simply put,", again},
	{"In summary,", sums}, {"To sum up,", sums}, {"To summarize,", sums}, {"To summarise,", sums}, {"In conclusion,", sums},
	{"In short,", sums}, {"All in all,", sums},
}

// opening finds the opening words of a sentence and what stands behind them, as a
// sentence of its own.
func opening(s string) (words string, means relation, rest string, ok bool) {
	for _, o := range openings {
		if tail, has := strings.CutPrefix(s, o.words+" "); has && plain(stopped(tail)) {
			return strings.TrimSuffix(o.words, ","), o.means, stopped(tail), true
		}
	}
	return "", 0, "", false
}

// relations mines neighbours of one paragraph.
func relations(ss []sentence, found func(Kind, finding)) {
	for i := 1; i < len(ss); i++ {
		a, b := ss[i-1], ss[i]
		if a.paragraph != b.paragraph || !a.plain || !b.plain {
			continue
		}
		words, means, rest, ok := opening(b.text)
		if !ok {
			continue
		}
		if _, _, own, has := opening(a.text); has { // what A itself hangs on is not told
			a.text = own
		}
		f := finding{rule: words, relation: means, at: b.start, a: a.text, b: rest, answer: a.text}
		switch means {
		case follows, adds, against:
			found(Entailment, f)
			if means == against && words != "However" { // which may merely qualify
				found(Paraphrase, f)
			}
		case caused:
			found(Cause, f)
		case because:
			if _, at := oneMarker(rest); at >= 0 { // several reasons, or a reason's reason
				continue
			}
			f.a, f.b, f.answer = rest, a.text, rest
			found(Cause, f)
		case again:
			found(Paraphrase, f)
		}
	}
}
