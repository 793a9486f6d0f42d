package generate

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/model"
)

// Tokens are told as soon as no stop string can cut them, and not before: played with texts of few letters, in which stops begin
// often, and tokens of none, one and several letters.
func TestHeldTokens(t *testing.T) {
	spellings := []string{"a", "b", "ab", "", "ba", "aab"}
	bytesOf := func(id int32) []byte { return []byte(spellings[id]) }
	rng, cuts, holds := rand.New(rand.NewPCG(5, 6)), 0, 0
	for range 20000 {
		stops := []string{"abab", "bb", "aaaa"}[rng.IntN(2):]
		var told []Token
		s := &sequence{req: Request{MaxNewTokens: 1 + rng.IntN(10), MinNewTokens: rng.IntN(2), StopStrings: stops,
			OnToken: func(t Token) { told = append(told, t) }}}
		for ends := false; !ends; {
			var f Finish
			f, ends = s.accept(Token{ID: int32(rng.IntN(len(spellings)))}, bytesOf)
			sure := textOf(told, bytesOf)
			if !isBeginning(told, s.written) {
				t.Fatalf("told %v of %v", told, s.written)
			}
			if ends && f == FinishLength && len(told) != len(s.written) {
				t.Fatalf("told %d of %d tokens at the end", len(told), len(s.written))
			}
			text := string(s.text.bytes)
			if !strings.HasPrefix(text, sure) {
				t.Fatalf("told %q, but %q is left of the text", sure, text)
			}
			if f == FinishStop {
				if cuts++; len(told) < len(s.written) && strings.HasPrefix(text[len(sure):], spellings[s.written[len(told)].ID]) && spellings[s.written[len(told)].ID] != "" {
					t.Fatalf("%q stays whole, but only %q was told", text, sure)
				}
				continue
			}
			if ends || len(told) == len(s.written) {
				continue
			}
			holds++ // the first that is held could be cut: some end of the text that begins a stop string begins within it
			first := len(sure) + len(spellings[s.written[len(told)].ID])
			if !slices.ContainsFunc(stops, func(stop string) bool {
				for at := range min(first, len(text)) {
					if len(text)-at < len(stop) && strings.HasPrefix(stop, text[at:]) {
						return true
					}
				}
				return false
			}) {
				t.Fatalf("%q is held back behind %q for no stop of %q", spellings[s.written[len(told)].ID], sure, stops)
			}
		}
	}
	if cuts < 1000 || holds < 1000 {
		t.Errorf("%d texts were cut, %d tokens held back", cuts, holds)
	}
}

func textOf(tokens []Token, bytesOf func(int32) []byte) string {
	var b []byte
	for _, t := range tokens {
		b = append(b, bytesOf(t.ID)...)
	}
	return string(b)
}

func isBeginning(told, of []Token) bool {
	return len(told) <= len(of) && slices.EqualFunc(told, of[:len(told)], func(a, b Token) bool { return a.ID == b.ID })
}

// Each token is told before the next is drawn, with what the result says of it.
func TestOnToken(t *testing.T) {
	for _, ahead := range []bool{false, true} {
		e := open(t, model.InferOptions{Tokens: 64, Docs: 4, PageSize: 8}, Options{TokenBytes: letter})
		e.goesAhead = ahead
		var told []Token
		var drawn []int64
		r := Request{Prompt: []int32{1, 2}, MaxNewTokens: 20, TopLogProbs: 3, OnToken: func(k Token) {
			told, drawn = append(told, k), append(drawn, e.Stats().Generated)
		}}
		res, err := e.Generate(context.Background(), r)
		if err != nil || len(told) != 20 {
			t.Fatalf("told %d tokens, %v", len(told), err)
		}
		for i, k := range told {
			if k.ID != res.Tokens[i] || k.LogProb != res.LogProbs[i] || !slices.Equal(k.Top, res.Top[i]) || drawn[i] != int64(i) {
				t.Errorf("ahead %v: token %d: told %v when %d were counted", ahead, i, k, drawn[i])
			}
		}
	}
}
