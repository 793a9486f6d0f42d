package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
	"github.com/primer-lm/primer/internal/durable"
)

func documents(n int) []data.Document {
	out := make([]data.Document, n)
	for i := range out {
		out[i] = data.Document{ID: fmt.Sprint("d", i), Text: strings.Repeat(fmt.Sprintf("text %d ä\n", i), 1+i%7)}
		if i%3 == 0 {
			out[i].Title, out[i].Extra = "A title", map[string]json.RawMessage{"url": json.RawMessage(`"http://a.example"`)}
		}
	}
	return out
}

func chains() []data.Chain {
	pair := data.Pair{Instruction: "Why?", Response: "Rain.", Options: []string{"Rain.", "Sun."}, Thought: "It was wet.", Scores: map[string]float64{"gain": 0.5}}
	return []data.Chain{
		{ID: "c0", Examples: []data.Example{{Document: data.Document{ID: "a", Text: "It rained."}, Pairs: []data.Pair{pair, {Instruction: "Who?", Response: "Nobody."}}},
			{Document: data.Document{ID: "b", Text: "The river rose."}}}},
		{ID: "c1", Examples: []data.Example{{Document: data.Document{ID: "c", Text: "Dry."}, Pairs: []data.Pair{pair}}}},
	}
}

func readDocuments(t *testing.T, dir string) (out []data.Document) {
	t.Helper()
	for d, err := range data.Documents([]string{dir}, data.Options{Tables: records.Tables(), Strict: true}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

type writerOf[R Record] func(durable.FS, string, iter.Seq2[R, error], Options) (Info, error)

func TestDocumentsThereAndBack(t *testing.T) {
	want := documents(100)
	for name, c := range map[string]struct {
		write writerOf[data.Document]
		first string
	}{"jsonl.zst": {JSONL[data.Document], "part-00000.jsonl.zst"}, "parquet": {Parquet[data.Document], "part-00000.parquet"},
		"hf": {HuggingFace[data.Document], "data/train-00000-of-00004.parquet"}} {
		dir := filepath.Join(t.TempDir(), "out")
		info, err := c.write(durable.OS, dir, data.All(want), Options{ShardBytes: 1600})
		if err != nil || info.Records != 100 || len(info.Files) != 4 || info.Files[0].File != c.first || info.Format != name || info.Kind != "documents" {
			t.Fatalf("%s: %+v, %v", name, info, err)
		}
		if diff := cmp.Diff(want, readDocuments(t, dir)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if err := durable.VerifyDir(durable.OS, dir); err != nil {
			t.Error(err)
		}
		got, err := ReadInfo(dir)
		if err != nil || !reflect.DeepEqual(got, info) {
			t.Errorf("%+v, %v", got, err)
		}
		// The same again gives the same bytes; a folder that is there is left alone.
		again := filepath.Join(filepath.Dir(dir), "other", "out")
		if _, err := c.write(durable.OS, again, data.All(want), Options{ShardBytes: 1600}); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{durable.ManifestName, c.first} {
			a, err1 := os.ReadFile(filepath.Join(dir, f))
			b, err2 := os.ReadFile(filepath.Join(again, f))
			if err1 != nil || err2 != nil || string(a) != string(b) {
				t.Errorf("%s: %s differs, %v %v", name, f, err1, err2)
			}
		}
		if _, err := c.write(durable.OS, dir, data.All(want), Options{}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s twice: %v", name, err)
		}
		// A file that was cut is refused, though each of its frames may be whole.
		path := filepath.Join(dir, c.first)
		if err := os.Truncate(path, 10); err != nil {
			t.Fatal(err)
		}
		if _, err := data.Files([]string{dir}, data.Options{Tables: records.Tables()}); !errors.Is(err, data.ErrStream) {
			t.Errorf("%s cut: %v", name, err)
		}
	}
}

// Files and row groups are bounded by all that records hold: options, scores and unknown fields may be most of it.
func TestAllOfARecordCounts(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	extra := map[string]json.RawMessage{"html": json.RawMessage(`"` + big + `"`)}
	for name, pair := range map[string]data.Pair{"extra": {Extra: extra}, "options": {Options: []string{big}}, "scores": {Scores: map[string]float64{big: 1}}} {
		pair.Instruction, pair.Response = "i", "r"
		c := data.Chain{ID: "c", Examples: []data.Example{{Document: data.Document{ID: "a", Text: "x"}, Pairs: []data.Pair{pair}}}}
		dir := filepath.Join(t.TempDir(), "out")
		info, err := Parquet(durable.OS, dir, data.All([]data.Chain{c, c, c, c}), Options{ShardBytes: 5 << 19})
		if err != nil || len(info.Files) != 2 || info.Bytes != 4*3 {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	var file bytes.Buffer
	part, err := openParquet[data.Document](&file)
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if err := part.add(data.Document{ID: "a", Text: "x", Extra: extra}); err != nil {
			t.Fatal(err)
		}
	}
	if err := part.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil || len(f.RowGroups()) != 2 {
		t.Errorf("%d row groups, %v", len(f.RowGroups()), err)
	}
}

// A folder that was exported is read as such below another too: its card and manifest are no texts.
func TestExportsBelowAFolder(t *testing.T) {
	root := t.TempDir()
	want := documents(3)
	if _, err := HuggingFace(durable.OS, filepath.Join(root, "b", "hf"), data.All(want[:2]), Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := JSONL(durable.OS, filepath.Join(root, "c"), data.All(want[2:]), Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, readDocuments(t, root)); diff != "" {
		t.Error(diff)
	}
}

// What is exported and read, in any format and from one to the next, is what it was: scores and unknown fields of every level too.
func TestChainsThereAndBack(t *testing.T) {
	raw := func(text string) map[string]json.RawMessage {
		return map[string]json.RawMessage{"round": json.RawMessage(text), "url": json.RawMessage(`"http://a.example/?a<b&c"`)}
	}
	want := chains()
	want[0].Extra, want[0].Examples[0].Extra, want[0].Examples[0].Pairs[0].Extra = raw("1"), raw(`{"a":[1,{"b":"\u00e9"}]}`), raw(`"{\"x\":1}"`)
	want[1].Examples[0].Title = "A title"
	read := func(dir string) (out []data.Chain) {
		t.Helper()
		for c, err := range data.Chains([]string{dir}, data.Options{Tables: records.Tables(), Strict: true}) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, c)
		}
		return out
	}
	from := want
	for i, write := range []writerOf[data.Chain]{JSONL[data.Chain], Parquet[data.Chain], HuggingFace[data.Chain], HuggingFace[data.Chain], JSONL[data.Chain]} {
		dir := filepath.Join(t.TempDir(), "out")
		if _, err := write(durable.OS, dir, data.All(from), Options{}); err != nil {
			t.Fatal(err)
		}
		from = read(dir)
		if diff := cmp.Diff(want, from); diff != "" {
			t.Fatalf("step %d: %s", i, diff)
		}
	}
}

func TestChainsInParquet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if _, err := HuggingFace(durable.OS, dir, data.All(chains()), Options{License: "cc-by-4.0", Split: "validation"}); err != nil {
		t.Fatal(err)
	}
	var got []data.Chain
	for r, err := range records.Read(filepath.Join(dir, "data/validation-00000-of-00001.parquet"), records.Options{}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s", r.JSON)
		var c struct {
			ID       string
			Examples []struct {
				Text  string
				Pairs []struct {
					Instruction, Response string
					Options               []string
					Thought, Scores       *string
				}
			}
		}
		if err := json.Unmarshal(r.JSON, &c); err != nil {
			t.Fatal(err)
		}
		got = append(got, data.Chain{ID: c.ID})
		if c.ID == "c0" && (len(c.Examples) != 2 || len(c.Examples[0].Pairs) != 2 || *c.Examples[0].Pairs[0].Scores != `{"gain":0.5}` ||
			c.Examples[0].Pairs[1].Thought != nil || len(c.Examples[0].Pairs[0].Options) != 2 || len(c.Examples[1].Pairs) != 0) {
			t.Errorf("%s", r.JSON)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d chains", len(got))
	}
	card, err := os.ReadFile(filepath.Join(dir, "README.md"))
	for _, want := range []string{"license: cc-by-4.0\n", "- n<1K\n", "  - split: validation\n    path: data/validation-*\n", "    num_examples: 2\n", "# out\n"} {
		if err != nil || !strings.Contains(string(card), want) {
			t.Errorf("the card lacks %q, %v:\n%s", want, err, card)
		}
	}
}

// lockless is a file system that gives no locks.
type lockless struct {
	durable.FS
	err error
}

func (l lockless) Lock(string) (io.Closer, error) { return nil, l.err }

func TestExportErrors(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	broken := errors.New("broken")
	fails := func(yield func(data.Document, error) bool) {
		_ = yield(data.Document{ID: "1", Text: "x"}, nil) && yield(data.Document{}, broken)
	}
	if _, err := Parquet(durable.OS, dir, fails, Options{}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if _, err := JSONL(durable.OS, dir, data.All([]data.Document{}), Options{}); !errors.Is(err, data.ErrEmpty) {
		t.Error(err)
	}
	// What no format can hold is an error that names the record.
	odd := chains()
	odd[1].Examples[0].Pairs[0].Scores = map[string]float64{"gain": math.NaN()}
	if _, err := Parquet(durable.OS, dir, data.All(odd), Options{}); err == nil || !strings.Contains(err.Error(), `record 1: id "c", pair 0`) {
		t.Error(err)
	}
	long := []data.Document{{ID: "short", Text: "x"}, {ID: "long", Text: strings.Repeat("x", data.MaxLine)}}
	if _, err := JSONL(durable.OS, dir, data.All(long), Options{}); !errors.Is(err, data.ErrLimit) || !strings.Contains(err.Error(), `id "long"`) {
		t.Error(err)
	}
	// Only a lock that is held says that another process writes.
	for fault, held := range map[error]bool{syscall.EACCES: false, durable.ErrLocked: true} {
		_, err := JSONL(lockless{durable.OS, fault}, dir, data.All(documents(1)), Options{})
		if !errors.Is(err, fault) || strings.Contains(err.Error(), "another process") != held {
			t.Error(err)
		}
	}
	for _, opt := range []Options{{Split: "a/b"}, {License: "x: y"}} {
		if _, err := HuggingFace(durable.OS, dir, data.All(documents(1)), opt); !errors.Is(err, ErrOption) {
			t.Error(err)
		}
	}
	// What a killed writer left is removed by the next.
	left := filepath.Join(parent, ".out.tmp0")
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := JSONL(durable.OS, dir, data.All(documents(1)), Options{}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 1 || entries[0].Name() != "out" {
		t.Errorf("%v, %v", entries, err)
	}
}
