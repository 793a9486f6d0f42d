package mine

import (
	"regexp"
	"strings"
)

// causal are the words between an effect and its cause. A clause stands behind
// "because", a noun behind the others.
var causal = []string{"because of", "due to", "owing to", "on account of", "as a result of", "because"}

// hedges before a causal word leave open whether it is the cause, or make it a part
// of the verb ("was due to").
var hedges = set(`not just simply only merely partly partially mainly mostly largely primarily perhaps probably possibly maybe apparently
	supposedly especially particularly chiefly typically usually often sometimes generally presumably likely solely and or but also so too is are was were be been being it's that's even either than`)

var copulas = set(`is are was were be been being`)

// infinitives make "due to" a matter of time: "due to arrive".
var infinitives = set(`be begin start open close end arrive leave come go take appear meet speak play launch finish run have make give
	expire return retire become receive pay undergo publish`)

var finite = regexp.MustCompile(`\b(is|are|was|were|has|have|had|will|can|did|does)\b`)

// fronts are words that open a side clause: without a comma the main one is not there.
var fronts = set(`while when whenever since as although though after before once until where whereas for`)

// causes mines single sentences.
func causes(s sentence, found func(Kind, finding)) {
	if !s.plain {
		return
	}
	if _, _, rest, ok := opening(s.text); ok {
		s.text = rest
	}
	if f, ok := leadingBecause(s); ok {
		found(Cause, f)
		return
	}
	marker, at := oneMarker(s.text)
	if marker == "" {
		return
	}
	effect, cause := s.text[:at], s.text[at+len(marker)+2:]
	first, _, _ := strings.Cut(effect, " ")
	if words(effect) < 3 || hedged(effect) || doubtful(effect) || fronts[strings.ToLower(first)] && !strings.Contains(effect, ",") {
		return
	}
	// Behind a comma the main clause may begin, or a second one.
	if n := words(cause); n < 2 || marker == "because" && n < 3 || strings.ContainsAny(cause, ",;:") || !clean(effect) || !clean(cause) {
		return
	}
	if marker != "because" && finite.MatchString(cause) {
		return // a noun has no verb: a second statement stands behind it
	}
	if first, _, _ := strings.Cut(cause, " "); marker == "due to" && infinitives[first] {
		return
	}
	f := finding{rule: marker, at: s.start, a: stopped(cause), b: stopped(effect)}
	if f.answer = "Because of " + strings.TrimRight(cause, " ."); marker == "because" {
		f.answer = "Because " + strings.TrimRight(cause, " .")
	}
	f.answer += "."
	found(Cause, f)
}

// leadingBecause is "Because A, B." with one comma.
func leadingBecause(s sentence) (finding, bool) {
	tail, ok := strings.CutPrefix(s.text, "Because ")
	if !ok || strings.HasPrefix(tail, "of ") || strings.Count(tail, ",") != 1 {
		return finding{}, false
	}
	if _, at := oneMarker(s.text); at >= 0 { // another cause within
		return finding{}, false
	}
	cause, effect, _ := strings.Cut(tail, ", ")
	if words(cause) < 3 || words(effect) < 3 || doubtful(effect) || strings.Contains(effect, ";") || !clean(cause) || !clean(effect) {
		return finding{}, false
	}
	return finding{rule: "because, leading", at: s.start, a: stopped(cause), b: stopped(effect), answer: "Because " + cause + "."}, true
}

// oneMarker finds the causal words of a sentence that has them once, and where the
// blank before them stands; -1 where there are none, "" where there are several.
func oneMarker(s string) (marker string, at int) {
	at = -1
	low := strings.ToLower(s)
	if len(low) != len(s) { // a letter that changes its length: places would not agree
		return "", -1
	}
	for i := range low {
		if low[i] != ' ' {
			continue
		}
		for _, m := range causal {
			if strings.HasPrefix(low[i+1:], m+" ") {
				if at >= 0 {
					return "", at
				}
				marker, at = m, i
				break
			}
		}
	}
	return marker, at
}

// hedged looks at what stands right before the causal words.
func hedged(effect string) bool {
	fields := strings.Fields(effect)
	last, before := bareWord(fields[len(fields)-1]), bareWord(fields[len(fields)-2])
	return hedges[last] || copulas[before] && strings.HasSuffix(last, "ly")
}

// doubts: what "not … because" denies cannot be seen, and what stands under a
// condition is not said to be so.
var doubts = set(`not never no neither nor hardly if unless whether would could might may`)

func doubtful(s string) bool {
	for _, w := range strings.Fields(s) {
		if w = bareWord(w); doubts[w] || strings.HasSuffix(w, "n't") || strings.HasSuffix(w, "n’t") {
			return true
		}
	}
	return false
}
