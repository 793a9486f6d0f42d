package tokenizer

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// golden is what testdata/make_goldens.py had from Hugging Face.
type golden struct {
	Texts  []string
	Styles map[string]struct {
		SHA256 string // of the tokenizer.json
		Texts  []struct {
			IDs, Plain       []int32
			Offsets          []int
			Decoded, Skipped *string
		}
		Drawn []struct {
			IDs              []int32
			Decoded, Skipped string
		}
	}
}

func readGoldens(t testing.TB) golden {
	t.Helper()
	f, err := os.Open("testdata/goldens.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.NewDecoder(z).Decode(&g); err != nil {
		t.Fatal(err)
	}
	if len(g.Styles) != 5 || len(g.Texts) < 300 {
		t.Fatalf("goldens have %d styles and %d texts", len(g.Styles), len(g.Texts))
	}
	return g
}

func open(t testing.TB, path string) *Tokenizer {
	t.Helper()
	tok, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tok.Close(); err != nil {
			t.Error(err)
		}
	})
	return tok
}

// stylePath returns where the tokenizer.json of a style stands.
func stylePath(style string) string {
	if style == "sample" {
		return "../data/sample/tokenizer.json"
	}
	return "testdata/" + style + ".json"
}

func openStyle(t testing.TB, style, sha string) *Tokenizer {
	t.Helper()
	tok := open(t, stylePath(style))
	if sum := sha256.Sum256(tok.JSON()); hex.EncodeToString(sum[:]) != sha {
		t.Fatalf("%s has changed since the goldens were made: run testdata/make_goldens.py", stylePath(style))
	}
	return tok
}

// TestGoldenEncode compares ids and offsets with Hugging Face's for every style and text.
func TestGoldenEncode(t *testing.T) {
	g := readGoldens(t)
	for style, want := range g.Styles {
		t.Run(style, func(t *testing.T) {
			tok := openStyle(t, style, want.SHA256)
			for i, text := range g.Texts {
				w := want.Texts[i]
				ids, offsets, err := tok.EncodeOffsets(text)
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				if !equal(ids, w.IDs) {
					t.Errorf("%q: ids %v, Hugging Face has %v", text, ids, w.IDs)
				}
				if diff := cmp.Diff(w.Offsets, flatten(offsets)); diff != "" && len(ids) > 0 {
					t.Errorf("%q: offsets (-Hugging Face +ours):\n%s", text, diff)
				}
				if w.Plain == nil {
					w.Plain = w.IDs
				}
				if plain, err := tok.EncodePlain(text); err != nil || !equal(plain, w.Plain) {
					t.Errorf("%q: plain ids %v, %v, Hugging Face has %v", text, plain, err, w.Plain)
				}
			}
			batchAgrees(t, tok, g.Texts)
		})
	}
}

// batchAgrees encodes all texts at once, many times over, so that the cores meet in one handle.
func batchAgrees(t *testing.T, tok *Tokenizer, texts []string) {
	t.Helper()
	many := append(append([]string(nil), texts...), texts...)
	for _, plain := range []bool{false, true} {
		batch, err := tok.EncodeBatch(many, plain)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range many {
			encode := tok.Encode
			if plain {
				encode = tok.EncodePlain
			}
			if alone, err := encode(text); err != nil || !equal(alone, batch[i]) {
				t.Errorf("%q: %v in a batch, %v alone (%v)", text, batch[i], alone, err)
			}
		}
	}
}

// TestGoldenDecode compares decodings with Hugging Face's, those of random ids too, and the bytes
// of the tokens with the decoding.
func TestGoldenDecode(t *testing.T) {
	g := readGoldens(t)
	for style, want := range g.Styles {
		t.Run(style, func(t *testing.T) {
			tok := openStyle(t, style, want.SHA256)
			check := func(ids []int32, decoded, skipped string) {
				t.Helper()
				if got, err := tok.Decode(ids, false); err != nil || got != decoded {
					t.Errorf("%v: decoded %q, %v, Hugging Face has %q", ids, got, err, decoded)
				}
				if got, err := tok.Decode(ids, true); err != nil || got != skipped {
					t.Errorf("%v: decoded without specials %q, %v, Hugging Face has %q", ids, got, err, skipped)
				}
			}
			for _, w := range want.Texts {
				if w.Skipped == nil {
					w.Skipped = w.Decoded
				}
				check(w.IDs, *w.Decoded, *w.Skipped)
				got := tokenBytes(tok, w.IDs)
				if style == "llama2" || style == "mistral" { // their decoders strip one blank at the start
					got = strings.TrimPrefix(got, " ")
				}
				if got != *w.Decoded {
					t.Errorf("%v: tokens' bytes are %q, decoded %q", w.IDs, got, *w.Decoded)
				}
			}
			for _, w := range want.Drawn {
				check(w.IDs, w.Decoded, w.Skipped)
			}
		})
	}
}

func tokenBytes(tok *Tokenizer, ids []int32) string {
	var b []byte
	for _, id := range ids {
		b = append(b, tok.TokenBytes(id)...)
	}
	return string(b)
}

func flatten(offsets [][2]int) []int {
	flat := make([]int, 0, 2*len(offsets))
	for _, o := range offsets {
		flat = append(flat, o[0], o[1])
	}
	return flat
}

func equal(a, b []int32) bool {
	return len(a) == 0 && len(b) == 0 || cmp.Equal(a, b)
}
