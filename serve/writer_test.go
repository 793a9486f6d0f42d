package serve

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/primer-lm/primer/data/sample"
	"github.com/primer-lm/primer/model/generate"
	"github.com/primer-lm/primer/tokenizer"
)

// However tokens come, what was handed out is whole characters, is never taken back, and is the whole in the end; a token's offset is
// where its text stands.
func TestWriterNeverTakesBack(t *testing.T) {
	tok, err := tokenizer.FromBytes("sample", sample.Tokenizer())
	if err != nil {
		t.Fatal(err)
	}
	defer tok.Close()
	ws := newWords(tok)
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.Int32Range(0, 1023), 1, 40).Draw(t, "ids")
		if rapid.Bool().Draw(t, "text") {
			if ids, err = tok.Encode(rapid.StringOfN(rapid.RuneFrom([]rune("abé世🙂 ")), 1, 20, -1).Draw(t, "of")); err != nil {
				t.Fatal(err)
			}
		}
		stops := rapid.SliceOfN(rapid.SampledFrom([]string{"ab", "ba", "世", "é ", "aab", "a"}), 0, 2).Draw(t, "stops")
		w := &writer{words: ws, stops: stops, keep: true}
		var raw []byte
		result := generate.Result{Tokens: ids}
		var text string
		var places []place
		for _, id := range ids {
			raw = append(raw, ws.visible(id)...)
			w.add(generate.Token{ID: id})
			piece, more := w.take()
			if !utf8.ValidString(piece) {
				t.Fatalf("%q", piece)
			}
			text, places = text+piece, append(places, more...)
			if cut := cutAt(raw, stops); cut >= 0 {
				raw = raw[:cut]
				break
			}
		}
		result.Text = string(raw)
		piece, more := w.end(&result)
		text, places = text+piece, append(places, more...)
		if want := valid(raw); text != want {
			t.Fatalf("%q, want %q (stops %q)", text, want, stops)
		}
		runes := []rune(text)
		for i, p := range places {
			if p.offset > len(runes) || i > 0 && p.offset < places[i-1].offset {
				t.Fatalf("token %d stands at %d of %q", i, p.offset, text)
			}
			if own := string(ws.visible(p.ID)); utf8.ValidString(own) && len(stops) == 0 && !strings.ContainsRune(text, utf8.RuneError) &&
				!strings.HasPrefix(string(runes[p.offset:]), own) {
				t.Fatalf("%q does not stand at %d of %q", own, p.offset, text)
			}
		}
	})
}

// cutAt is where the first stop string begins.
func cutAt(raw []byte, stops []string) int {
	at := -1
	for _, s := range stops {
		if i := strings.Index(string(raw), s); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
}
