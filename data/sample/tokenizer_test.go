package sample

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The file is checked as it stands; encoding with it is tested in package
// tokenizer, where the library is.
func TestTokenizerFile(t *testing.T) {
	var f struct {
		Model struct {
			Type   string
			Vocab  map[string]int
			Merges [][2]string
		}
		Added []struct {
			ID      int
			Content string
			Special bool
		} `json:"added_tokens"`
	}
	if err := json.Unmarshal(Tokenizer(), &f); err != nil {
		t.Fatal(err)
	}
	if f.Model.Type != "BPE" || len(f.Model.Vocab) != 1024 || len(f.Added) != 4 {
		t.Fatalf("model %s, %d pieces, %d added", f.Model.Type, len(f.Model.Vocab), len(f.Added))
	}
	for id, text := range []string{"<unk>", "<s>", "</s>", "<pad>"} {
		if a := f.Added[id]; a.ID != id || a.Content != text || !a.Special {
			t.Errorf("added token %+v, want %s", a, text)
		}
	}
	// Byte-level pieces write a space as U+0120; each byte, tag and syllable is one.
	single := 0
	for piece := range f.Model.Vocab {
		if len([]rune(piece)) == 1 {
			single++
		}
	}
	if single != 256 {
		t.Errorf("%d pieces of one byte, want 256", single)
	}
	want := []string{"Ġ<CON>", "Ġ</CON>", "<QUE>", "Ġ<ANS>", "Ġ</END>"}
	rows := Syllables()
	for _, s := range rows[0] {
		want = append(want, "Ġ"+s)
	}
	want = append(append(want, rows[1]...), rows[2]...)
	for _, piece := range want {
		if _, ok := f.Model.Vocab[piece]; !ok {
			t.Errorf("no piece %q", piece)
		}
	}
	for i, m := range f.Model.Merges {
		for _, side := range append(m[:], m[0]+m[1]) {
			if _, ok := f.Model.Vocab[side]; !ok {
				t.Fatalf("merge %d: no piece %q", i, side)
			}
		}
	}
	if a := Tokenizer(); !bytes.Equal(a, Tokenizer()) || &a[0] == &Tokenizer()[0] {
		t.Error("callers share the bytes")
	}
}
