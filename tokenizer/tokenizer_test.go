package tokenizer

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// TestInvalidUTF8 holds the rule for broken bytes against what it is defined by: the ids of the text
// with each maximal subpart replaced, and offsets into the text as it was.
func TestInvalidUTF8(t *testing.T) {
	for _, c := range []struct{ text, repaired string }{
		{"a\xffb", "a\ufffdb"},
		{"\xe4\xbd", "\ufffd"},                            // two bytes of 你: one subpart
		{"\xe4\xbd\xa0\xe4", "你\ufffd"},                   // a whole one, then a lone lead
		{"\xf0\x9f\x99x", "\ufffdx"},                      // three bytes of 🙂
		{"\xc0\x80", "\ufffd\ufffd"},                      // overlong NUL: no valid character begins with C0
		{"\xed\xa0\x80", strings.Repeat("\ufffd", 3)},     // a surrogate
		{"\xf4\x90\x80\x80", strings.Repeat("\ufffd", 4)}, // above U+10FFFF
		{"\xe0\x80\x80", strings.Repeat("\ufffd", 3)},
		{"\x80\x80é", "\ufffd\ufffdé"},
		{"a\x00\xff\x00", "a\x00\ufffd\x00"},
	} {
		for _, style := range []string{"llama2", "llama3"} {
			tok := open(t, stylePath(style))
			ids, offsets, err := tok.EncodeOffsets(c.text)
			if err != nil {
				t.Fatal(err)
			}
			want, err := tok.Encode(c.repaired)
			if err != nil || !equal(ids, want) {
				t.Errorf("%s: %q: ids %v, want those of %q: %v", style, c.text, ids, c.repaired, want)
			}
			at := 0
			for i, o := range offsets { // tokens follow one another over the whole text
				if o[0] > at || o[1] < o[0] || o[1] > len(c.text) {
					t.Errorf("%s: %q: token %d stands at %v after %d", style, c.text, i, o, at)
				}
				at = o[1]
			}
			if at != len(c.text) {
				t.Errorf("%s: %q: tokens end at %d of %d", style, c.text, at, len(c.text))
			}
			if got := lossy([]byte(c.text)); got != c.repaired {
				t.Errorf("lossy(%q) = %q, want %q", c.text, got, c.repaired)
			}
		}
	}
}

// TestRoundTrip: a byte-level tokenizer gives back every valid text, NUL bytes and all.
func TestRoundTrip(t *testing.T) {
	tok := open(t, stylePath("gpt2"))
	for _, text := range readGoldens(t).Texts {
		ids, err := tok.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tok.Decode(ids, false); err != nil || got != text {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
	}
}

func TestEnds(t *testing.T) {
	for style, want := range map[string][2]string{
		"llama2": {"<s>", "</s>"}, "mistral": {"<s>", "</s>"}, "llama3": {"<|begin_of_text|>", "<|end_of_text|>"},
		"gpt2": {"", "<|endoftext|>"}, "sample": {"<s>", "</s>"},
	} {
		tok := open(t, stylePath(style))
		bos, hasBOS := tok.BOS()
		eos, hasEOS := tok.EOS()
		bosText, _ := tok.Token(bos)
		eosText, _ := tok.Token(eos)
		if bosText != want[0] || eosText != want[1] || hasBOS != (want[0] != "") || !hasEOS {
			t.Errorf("%s: begins with %q (%v), ends with %q (%v), want %q", style, bosText, hasBOS, eosText, hasEOS, want)
		}
		ids, err := tok.Encode(want[0] + "hello" + want[1])
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.WithEOS(tok.WithBOS(ids)); !equal(got, ids) {
			t.Errorf("%s: %v became %v: doubled", style, ids, got)
		}
		bare, err := tok.Encode("hello")
		if err != nil {
			t.Fatal(err)
		}
		once := tok.WithEOS(tok.WithBOS(bare))
		if twice := tok.WithEOS(tok.WithBOS(once)); !equal(once, twice) || len(once) == len(bare) {
			t.Errorf("%s: %v, once more %v", style, once, twice)
		}
	}
}

func TestConfigEnds(t *testing.T) {
	b, err := os.ReadFile("testdata/llama2.json")
	if err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string]int32{
		`{"bos_token":"</s>"}`:                     2,
		`{"bos_token":{"content":"</s>"},"x":[1]}`: 2,
		`{"bos_token":null}`:                       -1,
		`{"eos_token":"<s>"}`:                      1, // the template's
		`{"bos_token":"<none>"}`:                   -2,
		`{"bos_token":7}`:                          -2,
		`{"bos_token":`:                            -2,
		`[]`:                                       -2,
	} {
		dir := t.TempDir()
		write(t, dir, "tokenizer.json", string(b))
		write(t, dir, "tokenizer_config.json", config)
		tok, err := Open(dir)
		if want == -2 {
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "tokenizer_config.json") {
				t.Errorf("%s: %v, want it refused by name", config, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if bos, ok := tok.BOS(); bos != want || ok != (want >= 0) {
			t.Errorf("%s: text begins with %d, want %d", config, bos, want)
		}
		tok.Close()
	}
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownIDs(t *testing.T) {
	tok := open(t, stylePath("llama3"))
	for _, id := range []int32{-1, int32(tok.VocabSize()), 1 << 30} {
		if _, err := tok.Decode([]int32{0, id}, false); !errors.Is(err, ErrUnknownID) {
			t.Errorf("decoding %d: %v", id, err)
		}
		if _, ok := tok.Token(id); ok || tok.TokenBytes(id) != nil {
			t.Errorf("id %d has a token", id)
		}
	}
	for id := range int32(tok.VocabSize()) {
		token, ok := tok.Token(id)
		back, ok2 := tok.ID(token)
		if !ok || !ok2 || back != id || tok.TokenBytes(id) == nil {
			t.Fatalf("id %d: token %q, back %d", id, token, back)
		}
	}
}

func TestSpecialTexts(t *testing.T) {
	tok := open(t, stylePath("mistral"))
	if got := tok.SpecialTexts(); !slices.Equal(got, []string{"<unk>", "<s>", "</s>"}) {
		t.Errorf("special texts %q", got)
	}
	if !tok.HasSpecialText("a<s>") || tok.HasSpecialText("a<s >[tool]") {
		t.Error("HasSpecialText is wrong")
	}
}

func TestMissingFiles(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none.json"), "/dev/zero"} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%q): %v", path, err)
		}
	}
}

func TestClose(t *testing.T) {
	tok, err := Open("testdata/gpt2.json")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if _, err := tok.Encode("hello there\x00"); err != nil && !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			}
		})
	}
	if err := tok.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if _, err := tok.EncodeBatch([]string{"a"}, false); !errors.Is(err, ErrClosed) {
		t.Errorf("encoding after Close: %v", err)
	}
	if err := tok.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

// TestAdversarialText encodes 64 KiB texts that make regular expressions and merging work hardest.
// Each may take a second (the promise for a quiet machine); ten are given here.
func TestAdversarialText(t *testing.T) {
	const n = 64 << 10
	toks := map[string]*Tokenizer{}
	for _, style := range []string{"llama2", "mistral", "llama3", "gpt2", "sample"} {
		toks[style] = open(t, stylePath(style))
	}
	for _, unit := range []string{"a", " ", "\n", "a ", " \n", "\r\n ", "'", "'s", "1", "!", "\x00", "\u0301", "🙂", "\xff", "aA", "<s", "ab\u00a0"} {
		text := strings.Repeat(unit, n/len(unit)) + "x"
		for style, tok := range toks {
			start := time.Now()
			if _, err := tok.Encode(text); err != nil {
				t.Errorf("%s: %q…: %v", style, unit, err)
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("%s: 64 KiB of %q took %v", style, unit, d)
			}
		}
	}
	if _, err := toks["gpt2"].Encode(strings.Repeat("a", MaxText+1)); !errors.Is(err, ErrTextTooLong) {
		t.Errorf("a text above the limit: %v", err)
	}
}

// FuzzEncode looks for a text whose tokens do not give it back, or whose offsets leave it.
func FuzzEncode(f *testing.F) {
	for _, text := range readGoldens(f).Texts[:120] {
		f.Add(text)
	}
	f.Add("\xff\x00\xfe\ufdd0\ufdd1")
	tok := open(f, stylePath("gpt2"))
	f.Fuzz(func(t *testing.T, text string) {
		ids, offsets, err := tok.EncodeOffsets(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := tok.Decode(ids, false)
		if err != nil || got != lossy([]byte(text)) || !utf8.ValidString(got) {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
		for _, o := range offsets {
			if o[0] < 0 || o[0] > o[1] || o[1] > len(text) {
				t.Errorf("%q: offsets %v", text, o)
			}
		}
	})
}

// FuzzCheck looks for a file that our checks pass and that then does not load or encode. Run it in
// a process of its own: a find may be the end of it.
func FuzzCheck(f *testing.F) {
	for _, h := range hostileFiles() {
		if len(h.json) < 2000 {
			f.Add([]byte(h.json))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tok, err := FromBytes("fuzz", b)
		if err != nil {
			if !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		if _, err := tok.Encode("Hello\x00 12 <s>"); err != nil {
			t.Error(err)
		}
		tok.Close()
	})
}
