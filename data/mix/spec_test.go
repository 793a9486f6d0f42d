package mix

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/internal/durable"
)

// letterTok is the smallest tokenizer: a byte is its id; 1 and 2 are BOS and EOS.
type letterTok struct{}

func (letterTok) EncodePlain(text string) (ids []int32, err error) {
	for _, c := range []byte(text) {
		ids = append(ids, int32(c))
	}
	return ids, nil
}
func (letterTok) BOS() (int32, bool) { return 1, true }
func (letterTok) EOS() (int32, bool) { return 2, true }
func (letterTok) VocabSize() int     { return 256 }
func (letterTok) JSON() []byte       { return []byte("{}") }

func shards(t *testing.T, dir string, texts ...string) {
	t.Helper()
	units := func(yield func(shard.Unit, error) bool) {
		for _, s := range texts {
			if !yield(shard.Unit{Text: s}, nil) {
				return
			}
		}
	}
	if _, err := shard.Build(durable.OS, dir, letterTok{}, units, shard.Options{ShardTokens: 20}); err != nil {
		t.Fatal(err)
	}
}

func TestSpecFileToBatches(t *testing.T) {
	dir := t.TempDir()
	shards(t, filepath.Join(dir, "raw"), "some raw text", "more of it", "and more still", "a fourth")
	shards(t, filepath.Join(dir, "tuning"), "q a", "q b")
	path := filepath.Join(dir, "mix.toml")
	spec := `seed = 3
length = 8
budget = 96
documents = "separate"
[[source]]
name = "raw"
path = "raw"
kind = "raw"
weight = 3
[[source]]
name = "tuning"
paths = ["tuning"]
kind = "tuning"
weight = 1
repeats = 4
`
	if err := os.WriteFile(path, []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := ReadSpec(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}()
	st := m.Stream()
	all := drain(t, st, 5)
	text, n := "", 0
	for _, b := range all {
		n += len(b.Tokens)
		for _, id := range b.Tokens {
			text += string(rune(id))
		}
	}
	mf := st.Manifest()
	if n != 96 || mf.Tokens != 96 || !strings.Contains(text, "\x01q a\x02\x01") || !strings.Contains(text, "\x02\x01more of it\x02") {
		t.Errorf("%d tokens %q, manifest %+v", n, text, mf)
	}
	if mf.Sources[1].Name != "tuning" || !strings.HasPrefix(mf.Sources[1].Note, "tuning [") || mf.Sources[1].Tokens < 19 || mf.Sources[1].Tokens > 30 {
		t.Errorf("manifest %+v", mf.Sources)
	}
	m2, err := s.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if again := drain(t, m2.Stream(), 5); !reflect.DeepEqual(all, again) {
		t.Error("the same file gives other batches")
	}
	if err := m2.Close(); err != nil {
		t.Error(err)
	}
}

func TestBadSpecs(t *testing.T) {
	ok := "length = 8\n[[source]]\nname = \"a\"\npath = \"p\"\n"
	for _, c := range []struct{ content, say string }{
		{"length = 8\nlenght = 3\n", "mix.toml:2: unknown field [lenght]"},
		{"length = \"a\"\n", "mix.toml:1:"},
		{"length = 8\n[[source]\n", "mix.toml:2:"},
		{"", "length = 0"},
		{"length = 8", "no [[source]]"},
		{"by = \"words\"\n" + ok, "neither tokens nor texts"},
		{"documents = \"x\"\n" + ok, "neither joined nor separate"},
		{"positions = \"x\"\n" + ok, "neither row nor document"},
		{"budget = -1\n" + ok, "negative"},
		{ok + "kind = \"odd\"", "none of raw, chains"},
		{ok + "template_set = \"huge\"", "neither full nor small"},
		{ok + "paths = [\"q\"]", "either path or paths"},
		{"length = 8\n[[source]]\npath = \"p\"\n", "source 1 has no name"},
	} {
		path := filepath.Join(t.TempDir(), "mix.toml")
		if err := os.WriteFile(path, []byte(c.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSpec(path); !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%q: %v, want %s", c.content, err, c.say)
		}
	}
	if _, err := ReadSpec(filepath.Join(t.TempDir(), "absent.toml")); !errors.Is(err, ErrSpec) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	s := &Spec{Length: 8, Sources: []SourceSpec{{Name: "a", Paths: []string{t.TempDir()}}}}
	if _, err := s.Open(nil); !errors.Is(err, shard.ErrNotShards) || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("no shards: %v", err)
	}
}

func FuzzSpec(f *testing.F) {
	f.Add([]byte("length = 8\n[[source]]\nname = \"a\"\npath = \"p\"\n"))
	f.Add([]byte("seed = 1e9\n[source]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSpec(b); err == nil && (s.Length < 1 || len(s.Sources) == 0) {
			t.Fatalf("accepted %+v", s)
		}
	})
}
