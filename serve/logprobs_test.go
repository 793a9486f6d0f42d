package serve

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/primer-lm/primer/model/generate"
)

// The golden of the harness's contract: each prompt's places, the first without a number, and one more at the end; the most probable
// tokens are told by the same float.
func TestScoringHasAPlaceForEveryToken(t *testing.T) {
	third := float32(-1) / 3
	f := &fake{script: func(r generate.Request, i int) generate.Token {
		if i >= 0 {
			return generate.Token{ID: 2, LogProb: -9, Top: []generate.TokenProb{{ID: 400, LogProb: third}}} // </s>, which must not be lost
		}
		return generate.Token{LogProb: third, Top: []generate.TokenProb{{ID: r.Prompt[len(r.Prompt)+i], LogProb: third}}}
	}}
	w := start(t, parts(t, with(f)), Options{})
	eos := w.s.words.eos[0]
	was := f.script
	f.script = func(r generate.Request, i int) generate.Token {
		x := was(r, i)
		if i >= 0 {
			x.ID = eos
		}
		return x
	}
	out := ok[completion](w, "/v1/completions", `{"model":"m","prompt":[[300,310,320],[330]],"temperature":0,"max_tokens":1,"logprobs":1,"seed":1234,"echo":true}`)
	for i, n := range []int{3, 1} {
		l := out.Choices[i].LogProbs
		if len(l.Values) != n+1 || len(l.Top) != n+1 || len(l.Tokens) != n+1 || len(l.Offsets) != n+1 || l.Values[0] != nil || l.Top[0] != nil {
			t.Fatalf("choice %d: %+v", i, l)
		}
		for k := 1; k < n; k++ {
			best := math.Inf(-1)
			for _, v := range l.Top[k] {
				best = max(best, v)
			}
			if *l.Values[k] != best || float32(best) != third {
				t.Errorf("place %d: %v of %v", k, *l.Values[k], l.Top[k])
			}
		}
		if *l.Values[n] != -9 || len(l.Top[n]) != 2 {
			t.Errorf("the last place: %v %v", *l.Values[n], l.Top[n])
		}
	}
}

// A prompt that fills the window is scored; the token that has no room has an empty place.
func TestScoringFillsTheWindow(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	for _, n := range []int{testWindow, testWindow + 1} {
		ids := slices.Repeat([]int{300}, n)
		out := ok[completion](w, "/v1/completions", `{"max_tokens":1,"logprobs":1,"echo":true,"prompt":`+quote(ids)+`}`)
		l := out.Choices[0].LogProbs
		if len(l.Values) != n+1 || l.Values[n] != nil || l.Values[n-1] == nil || out.Usage.Completion != 0 {
			t.Errorf("%d places, usage %+v", len(l.Values), out.Usage)
		}
	}
}

// Offsets count code points of the text that the choice has; tokens that hold a part of a character are told by their bytes.
func TestOffsets(t *testing.T) {
	w := start(t, parts(t, nil), Options{})
	ids, err := w.s.words.Encode("é世x")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{script: saying(ids...)}
	w = start(t, parts(t, with(f)), Options{})
	for _, stream := range []bool{false, true} {
		body := fmt.Sprintf(`{"prompt":"Grü","logprobs":0,"max_tokens":%d,"stream":%v}`, len(ids), stream)
		text, tokens, offsets := "", []string{}, []int{}
		if stream {
			for _, e := range events(w, "/v1/completions", body) {
				var c completion
				if err := json.Unmarshal([]byte(e), &c); err != nil {
					t.Fatal(err)
				}
				l := c.Choices[0].LogProbs
				text, tokens, offsets = text+c.Choices[0].Text, append(tokens, l.Tokens...), append(offsets, l.Offsets...)
			}
		} else {
			c := ok[completion](w, "/v1/completions", body).Choices[0]
			text, tokens, offsets = c.Text, c.LogProbs.Tokens, c.LogProbs.Offsets
		}
		if len(tokens) != len(ids) || len(offsets) != len(ids) {
			t.Fatalf("%q %v", tokens, offsets)
		}
		runes := []rune(text)
		for i, tok := range tokens {
			if len(tok) > 6 && tok[:6] == "bytes:" {
				continue
			}
			if string(runes[offsets[i]:])[:len(tok)] != tok {
				t.Errorf("stream %v: %q does not stand at %d of %q", stream, tok, offsets[i], text)
			}
		}
	}
}
