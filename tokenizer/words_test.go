package tokenizer

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// edited is a tokenizer.json of testdata after a change.
func edited(t testing.TB, style string, change func(root map[string]any)) *Tokenizer {
	t.Helper()
	raw, err := os.ReadFile(stylePath(style))
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(root)
	}
	if raw, err = json.Marshal(root); err != nil {
		t.Fatal(err)
	}
	tok, err := FromBytes(style, raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tok.Close() })
	return tok
}

func metaspace(scheme string, split bool) func(map[string]any) {
	return func(root map[string]any) {
		root["normalizer"] = nil
		root["pre_tokenizer"] = map[string]any{"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}
	}
}

func splitBy(regex string) func(map[string]any) {
	return func(root map[string]any) {
		root["pre_tokenizer"].(map[string]any)["pretokenizers"].([]any)[0].(map[string]any)["pattern"] = map[string]any{"Regex": regex}
	}
}

// cutTokenizers are all kinds of tokenizers whose texts are cut.
func cutTokenizers(t testing.TB) map[string]*Tokenizer {
	out := map[string]*Tokenizer{}
	for _, style := range []string{"gpt2", "llama2", "llama3", "mistral", "sample"} {
		out[style] = edited(t, style, nil)
	}
	for _, scheme := range []string{"first", "always", "never"} {
		out["metaspace "+scheme] = edited(t, "llama2", metaspace(scheme, false))
		out["metaspace split "+scheme] = edited(t, "llama2", metaspace(scheme, true))
	}
	out["replace only"] = edited(t, "llama2", func(root map[string]any) {
		n := root["normalizer"].(map[string]any)
		n["normalizers"] = n["normalizers"].([]any)[1:]
	})
	for _, style := range []string{"llama2", "gpt2"} {
		out[style+" with added words"] = edited(t, style, func(root map[string]any) {
			id := len(root["model"].(map[string]any)["vocab"].(map[string]any))
			for _, a := range root["added_tokens"].([]any) {
				id = max(id, int(a.(map[string]any)["id"].(float64))+1)
			}
			for i, content := range []string{"zz", "[B]", "q<s", "#\n#", "žž"} {
				root["added_tokens"] = append(root["added_tokens"].([]any), map[string]any{"id": id + i, "content": content, "single_word": i == 0,
					"lstrip": i == 1, "rstrip": i < 3, "normalized": i%2 == 0, "special": i == 1})
			}
		})
	}
	out["prefix space"] = edited(t, "gpt2", func(root map[string]any) { root["pre_tokenizer"].(map[string]any)["add_prefix_space"] = true })
	out["NFC"] = edited(t, "llama3", func(root map[string]any) { root["normalizer"] = map[string]any{"type": "NFC"} })
	for _, regex := range textPatterns {
		out[regex] = edited(t, "llama3", splitBy(regex))
		// Without added tokens, and with merges across places that one of the expressions does not split.
		out["merges "+regex] = edited(t, "llama3", func(root map[string]any) {
			splitBy(regex)(root)
			root["added_tokens"], root["post_processor"] = nil, nil
			m := root["model"].(map[string]any)
			vocab := m["vocab"].(map[string]any)
			for _, pair := range [][2]string{{"E", ">"}, {"e", "'"}, {"n", "'"}, {"e", "("}, {"e", "Ċ"}, {"e", "Ġ"}, {".", "Ġ"}, {".", "Ċ"}, {"1", "."}, {"1", "a"}} {
				if _, ok := vocab[pair[0]+pair[1]]; !ok {
					vocab[pair[0]+pair[1]] = len(vocab)
				}
				m["merges"] = slices.Insert(m["merges"].([]any), 0, any([]any{pair[0], pair[1]}))
			}
		})
	}
	return out
}

// TestWordsAreTheLibrarysIDs: texts made of what is next to cuts, and of all that might move one, have the ids that the library gives
// the whole text. New words come up all the time, so that generations change.
func TestWordsAreTheLibrarysIDs(t *testing.T) {
	parts := strings.Split("-|(|)|=|x>|:= |\v|\f| | | | |  |\n|\r\n|\t|a|b|the|The|quick|zz|z|q|žž|#\n#|'s|'LL|don't|1|23|4567|.|,|!?|/|//|</QUE>|E>|e's|n's|e(|.\n|<|>|<s>|</s>|<unk>|[B]|[|]|▁|▁▁|é|e\u0301|\u0301|ß|日本|\u3000|\u00a0|\U0001F642|x<s|<s|_|\u2028|<|begin_of_text", "|")
	parts = append(parts, "<|begin_of_text|>", "<|endoftext|>", "|", "\ufdd0")
	rounds := 700
	if testing.Short() {
		rounds = 200
	}
	for name, tok := range cutTokenizers(t) {
		t.Run(name, func(t *testing.T) {
			if tok.cuts == nil {
				t.Fatal("its texts are not cut")
			}
			r := rand.New(rand.NewPCG(1, 2))
			pieces := 0
			for range rounds {
				var b strings.Builder
				for range r.IntN(30) {
					if r.IntN(3) == 0 {
						b.WriteByte(' ')
					}
					b.WriteString(parts[r.IntN(len(parts))])
					if r.IntN(8) == 0 {
						b.WriteString(word(r))
					}
				}
				text := b.String()
				for _, plain := range []bool{false, true} {
					got, _, err := tok.encode(text, plain, false)
					if err != nil {
						t.Fatal(err)
					}
					want, _, err := tok.encode(text, plain, true) // with offsets the library does it all
					if err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(got, want) {
						t.Fatalf("%q (plain %v)\n got %v\nwant %v", text, plain, got, want)
					}
				}
				for at := 0; at < len(text); pieces++ {
					at = tok.cuts.next([]byte(text), at)
				}
			}
			for _, plain := range []bool{false, true} {
				if tok.handles[variant{plain: plain}].words == nil {
					t.Errorf("no words are remembered (plain %v)", plain)
				}
			}
			if pieces < 3*rounds/2 {
				t.Errorf("%d pieces in %d texts: hardly a text was cut", pieces, rounds)
			}
		})
	}
}

func word(r *rand.Rand) string {
	w := make([]byte, 1+r.IntN(9))
	for i := range w {
		w[i] = byte('a' + r.IntN(26))
	}
	return string(w)
}

// TestWhereNothingIsKnownAboutCuts: one property that a cut relies on is missing.
func TestWhereNothingIsKnownAboutCuts(t *testing.T) {
	for name, c := range map[string]struct {
		style  string
		change func(map[string]any)
	}{
		"a token with a blank": {"gpt2", func(root map[string]any) {
			root["added_tokens"] = append(root["added_tokens"].([]any), map[string]any{"id": 451, "content": "a b", "special": true,
				"single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
		}},
		"a merge across words": {"llama2", func(root map[string]any) {
			m := root["model"].(map[string]any)
			vocab := m["vocab"].(map[string]any)
			vocab["a▁"] = len(vocab)
			m["merges"] = append(m["merges"].([]any), []any{"a", "▁"})
		}},
		"whole texts looked up": {"llama2", func(root map[string]any) { root["model"].(map[string]any)["ignore_merges"] = true }},
		"lower case":            {"gpt2", func(root map[string]any) { root["normalizer"] = map[string]any{"type": "Lowercase"} }},
		"digits split alone":    {"llama3", splitBy(`\p{N}`)},
		"blanks that stay":      {"llama2", func(root map[string]any) { root["normalizer"] = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			if tok := edited(t, c.style, c.change); tok.cuts != nil {
				t.Error("its texts are cut")
			}
		})
	}
}

// TestWordsForget: a cache holds two generations at most, whatever goes through it.
func TestWordsForget(t *testing.T) {
	c := &wordCache{young: map[string][]int32{}}
	r := rand.New(rand.NewPCG(3, 4))
	for range 5 * maxWords {
		piece := []byte(word(r) + word(r))
		if _, ok := c.find(piece); !ok {
			c.keep(piece, []int32{1})
		}
	}
	c.keep([]byte(strings.Repeat("a", maxWord+1)), []int32{1})
	if len(c.young) > maxWords || len(c.old) > maxWords || len(c.old) == 0 {
		t.Errorf("%d young and %d old pieces", len(c.young), len(c.old))
	}
	if _, ok := c.find([]byte(strings.Repeat("a", maxWord+1))); ok {
		t.Error("a long piece is remembered")
	}
}

// TestWordsFromManyGoroutines shares caches, and nothing else.
func TestWordsFromManyGoroutines(t *testing.T) {
	tok := edited(t, "llama3", nil)
	var wg sync.WaitGroup
	for seed := range uint64(8) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 5))
			for range 200 {
				text := word(r) + " " + word(r) + " the quick " + word(r)
				got, err := tok.Encode(text)
				if err != nil {
					t.Error(err)
					return
				}
				want, _, err := tok.EncodeOffsets(text)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%q: %v, want %v (%v)", text, got, want, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(tok.handles[variant{}].words.free); n < 1 || n > 8 {
		t.Errorf("%d caches of 8 goroutines", n)
	}
}
