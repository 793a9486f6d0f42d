//go:build slow

package mix

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/internal/durable"
)

// A corpus of 200 MB goes from JSON lines through shards to rows in bounded memory:
// the heap stays below 64 MiB above where it began, and every text arrives.
func TestMemoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "corpus.jsonl.zst")
	const docs, size = 100_000, 2000
	_, err := data.WriteFile(durable.OS, path, func(yield func(data.Document, error) bool) {
		text := make([]byte, size)
		for i := range docs {
			for j := range text {
				text[j] = byte('a' + splitmix(uint64(i*size+j))%26)
			}
			if !yield(data.Document{ID: fmt.Sprint(i), Text: string(text)}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	base, peak := heap(), uint64(0)
	look := func() { peak = max(peak, heap()) }
	seen := 0
	units := func(yield func(shard.Unit, error) bool) {
		for d, err := range data.Documents([]string{path}, data.Options{Strict: true}) {
			if seen++; seen%5000 == 0 {
				look()
			}
			if !yield(shard.Unit{Text: d.Text}, err) {
				return
			}
		}
	}
	folder := filepath.Join(dir, "shards")
	info, err := shard.Build(durable.OS, folder, letterTok{}, units, shard.Options{ShardTokens: 1 << 26})
	if err != nil {
		t.Fatal(err)
	}
	set, err := shard.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	m, err := New([]Part{{Name: "a", Source: set}}, Options{Seed: 1, Length: 2048})
	if err != nil {
		t.Fatal(err)
	}
	st, tokens := m.Stream(), int64(0)
	for {
		b, err := st.Next(64)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if tokens += int64(len(b.Tokens)); st.Row()%6400 == 0 {
			look()
		}
	}
	if seen != docs || info.Tokens != docs*(size+2) || tokens != info.Tokens/2048*2048 {
		t.Errorf("%d documents, %d tokens written, %d read", seen, info.Tokens, tokens)
	}
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MB of text (%d MB packed): heap %d MiB above its start", docs*size/1_000_000, fi.Size()/1_000_000, (peak-min(base, peak))>>20)
	if peak > base+64<<20 {
		t.Errorf("the heap grew from %d to %d MiB", base>>20, peak>>20)
	}
}
