package generate

import (
	"bytes"
	"slices"
	"strings"
)

// text is what the tokens generated so far say; kept only where stop strings are looked for.
type text struct {
	bytes []byte
	ends  []int // of each token's text
	told  int   // tokens that OnToken was told
}

// accept adds a token that was drawn and says whether and how the sequence ends with it.
func (s *sequence) accept(t Token, tokenBytes func(int32) []byte) (Finish, bool) {
	r := &s.req
	mayStop := len(s.written) >= r.MinNewTokens
	if mayStop && slices.Contains(r.StopIDs, t.ID) {
		s.tell(len(s.written))
		return FinishStop, true
	}
	s.tokens, s.written = append(s.tokens, t.ID), append(s.written, t)
	s.edits.wrote(t.ID)
	sure := len(s.written)
	if len(r.StopStrings) > 0 {
		x := &s.text
		seen := len(x.bytes)
		x.bytes = append(x.bytes, tokenBytes(t.ID)...)
		x.ends = append(x.ends, len(x.bytes))
		if cut := firstStop(x.bytes, seen, r.StopStrings); cut >= 0 && mayStop {
			x.bytes = x.bytes[:cut]
			s.tell(x.before(cut))
			return FinishStop, true
		}
		sure = x.before(firstHeld(x.bytes, r.StopStrings))
	}
	ends := len(s.written) == r.MaxNewTokens
	if ends {
		sure = len(s.written)
	}
	s.tell(sure)
	return FinishLength, ends
}

// tell reports the first n tokens to OnToken, each once.
func (s *sequence) tell(n int) {
	for ; s.req.OnToken != nil && s.text.told < n; s.text.told++ {
		s.req.OnToken(s.written[s.text.told])
	}
}

// before is how many tokens lie before a place in the text, whole.
func (x *text) before(place int) int {
	n := len(x.ends)
	for n > 0 && x.ends[n-1] > place {
		n--
	}
	return n
}

// firstStop returns where the first stop string begins that ends behind seen, or -1.
func firstStop(text []byte, seen int, stops []string) int {
	first := -1
	for _, stop := range stops {
		from := max(0, seen-len(stop)+1)
		if i := bytes.Index(text[from:], []byte(stop)); i >= 0 && (first < 0 || from+i < first) {
			first = from + i
		}
	}
	return first
}

// firstHeld returns where the longest end of the text begins with which a stop string begins: what comes next may cut it there.
func firstHeld(text []byte, stops []string) int {
	held := len(text)
	for _, stop := range stops {
		for n := min(len(stop)-1, len(text)); n > len(text)-held; n-- {
			if strings.HasPrefix(stop, string(text[len(text)-n:])) {
				held = len(text) - n
			}
		}
	}
	return held
}
