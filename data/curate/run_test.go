package curate

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

func keyed(key string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return key, nil }
}

// question stands in a document of corpus, word by word.
const question = "Which of the two bridges over the river was given up in the winter when the ice had taken the ferry and the old mill with it?"

// corpus has a document for every reason to drop one, among those that stay.
func corpus(t testing.TB) (Source, []EvaluationSet) {
	t.Helper()
	w := newWriter(1)
	var list []data.Document
	add := func(text string) { list = append(list, document(len(list)+1, text)) }
	for range 12 {
		add(w.text(12))
	}
	add("\u200b \n ")                    // empty
	add("Caf\u0065\u0301 " + w.text(10)) // changed by NFC
	add(strings.Repeat("Die Mühle am Bach steht still, weil im Sommer zu wenig Wasser aus den Bergen kommt und niemand sie braucht. ", 8))
	add("Too short, but of the English that we have.") // too few words
	add(strings.Repeat("The same line of text that we have seen before and will see to the end.\n", 20))
	add(list[3].Text)                                                       // exact duplicate
	add(strings.Replace(list[5].Text, " ", "  ", 1) + " The end is other.") // near duplicate
	add(w.text(10) + " " + question + " " + w.text(10))                     // contaminated
	for range 5 {
		add(w.text(9))
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "eval.jsonl")
	ex := data.Example{Document: data.Document{ID: "e1", Text: w.text(6)}, Pairs: []data.Pair{{Instruction: question, Response: "the iron one"}}}
	if _, err := data.WriteFile(durable.OS, path, data.All([]data.Example{ex})); err != nil {
		t.Fatal(err)
	}
	return docs("k1", list...), []EvaluationSet{{Name: "bridges", Paths: []string{path}}}
}

func settingsFor(sets []EvaluationSet) Settings {
	s := Default()
	s.MemoryMiB = 1
	s.Quality.MinWords = 20
	s.Decontaminate.Sets = sets
	return s
}

// content gives every file of a folder that lasts, by name.
func content(fsys durable.FS, dir string) (map[string]string, error) {
	files := map[string]string{}
	var walk func(dir, name string) error
	walk = func(dir, name string) error {
		entries, err := fsys.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			sub := filepath.Join(name, e.Name())
			if e.IsDir() {
				if err := walk(filepath.Join(dir, e.Name()), sub); err != nil {
					return err
				}
				continue
			}
			if e.Name() == lockName {
				continue
			}
			b, err := readAll(fsys, filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			files[sub] = string(b)
		}
		return nil
	}
	return files, walk(dir, "")
}

func unpack(t testing.TB, packed string) string {
	t.Helper()
	z, err := zstd.NewReader(strings.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRun(t *testing.T) {
	src, sets := corpus(t)
	disk := crashfs.New()
	report, err := Run(t.Context(), Options{FS: disk, Dir: "out", Settings: settingsFor(sets), Source: src, KeepDropped: true})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]int64{
		NormaliseStage: {Empty: 1},
		LanguageStage:  {OtherLanguage: 1},
		QualityStage:   {"too few words": 1, "duplicate lines": 1},
		ExactStage:     {"exact duplicate": 1},
		NearStage:      {"near duplicate": 1},
		CleanStage:     {HasGram: 1},
	}
	got := map[string]map[string]int64{}
	for _, s := range report.Stages {
		got[s.Stage] = s.Dropped
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if report.In.Documents != 25 || report.Out.Documents != 18 {
		t.Errorf("%d documents in, %d out", report.In.Documents, report.Out.Documents)
	}
	for i, s := range report.Stages {
		dropped := int64(0)
		for _, n := range s.Dropped {
			dropped += n
		}
		if s.In.Documents != s.Out.Documents+dropped {
			t.Errorf("%s: %d in, %d out, %d dropped", s.Stage, s.In.Documents, s.Out.Documents, dropped)
		}
		if i > 0 && s.In != report.Stages[i-1].Out {
			t.Errorf("%s: %+v in, %+v came out before", s.Stage, s.In, report.Stages[i-1].Out)
		}
	}
	files, err := content(disk, "out")
	if err != nil {
		t.Fatal(err)
	}
	if files[resultName] != files["stages/decontaminate.jsonl.zst"] || strings.Count(unpack(t, files[resultName]), "\n") != 18 {
		t.Error("the result is not what the last stage put out")
	}
	if strings.Contains(unpack(t, files[resultName]), "bridges over the river") {
		t.Error("the question is still there")
	}
	checkDropped(t, files)
	if c := report.Stages[5].Cleaned; c.Sets[0].Items != 1 || c.Sets[0].ByGram != 1 || c.Sets[0].ByPiece > 1 || c.ByGram != 1 {
		t.Errorf("contamination: %+v", c)
	}
}

// checkDropped reads what was dropped back, as documents with a reason.
func checkDropped(t *testing.T, files map[string]string) {
	t.Helper()
	for stage, want := range map[string]Drop{
		ExactStage:    {Stage: ExactStage, Reason: "exact duplicate", First: 4},
		NearStage:     {Stage: NearStage, Reason: "near duplicate", First: 6},
		LanguageStage: {Stage: LanguageStage, Reason: OtherLanguage, Language: "de", Value: 1, Threshold: 0.5},
	} {
		line := unpack(t, files["dropped/"+stage+".jsonl.zst"])
		doc, err := data.DecodeDocument([]byte(strings.TrimSuffix(line, "\n")), "")
		if err != nil {
			t.Fatalf("%s: %v in %q", stage, err, line)
		}
		var got Drop
		if err := json.Unmarshal(doc.Extra[DropField], &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", stage, diff)
		}
	}
}

// A second start does nothing; a changed threshold runs its stage and what comes after, and nothing before; what is damaged is
// made again, to the same bytes.
func TestSecondStart(t *testing.T) {
	src, sets := corpus(t)
	disk := crashfs.New()
	var notes []string
	start := func(set Settings, rerun ...string) []string {
		t.Helper()
		notes = nil
		_, err := Run(t.Context(), Options{FS: disk, Dir: "out", Settings: set, Source: src, Rerun: rerun,
			Note: func(s string) { notes = append(notes, s) }})
		if err != nil {
			t.Fatal(err)
		}
		var ran []string
		for _, n := range notes {
			if stage, _, ok := strings.Cut(n, " runs: "); ok {
				ran = append(ran, stage)
			}
		}
		return ran
	}
	expect := func(what string, ran []string, want ...string) {
		t.Helper()
		if !slices.Equal(ran, want) {
			t.Errorf("%s: %v ran, not %v; %q", what, ran, want, notes)
		}
	}
	set := settingsFor(sets)
	expect("new", start(set), StageNames()...)
	first, _ := content(disk, "out")
	expect("again", start(set))
	set.Quality.MinWords = 100
	expect("threshold", start(set), QualityStage, ExactStage, NearStage, CleanStage)
	set.Quality.MinWords = 20
	expect("threshold back", start(set), QualityStage, ExactStage, NearStage, CleanStage)
	expect("asked for", start(set, NearStage), NearStage)
	set.Near.Verify = 0.5
	expect("same output", start(set), NearStage)
	set.Near.Verify = 0
	start(set)
	if diff := cmp.Diff(first, mustContent(t, disk)); diff != "" {
		t.Error(diff)
	}
	for name, stage := range map[string]string{"stages/language.jsonl.zst": LanguageStage, "records/exact.json": ExactStage, "hits/decontaminate.jsonl.zst": CleanStage, resultName: "", reportName: ""} {
		text := []byte(first[name])
		text[len(text)/2] ^= 4
		if err := writeBytes(disk, "out/"+name, text); err != nil {
			t.Fatal(err)
		}
		ran := start(set)
		if stage == "" {
			expect(name, ran)
		} else {
			expect(name, ran, stage)
		}
		if diff := cmp.Diff(first, mustContent(t, disk)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	src.Key = keyed("other")
	expect("other input", start(set), NormaliseStage) // the same documents: what comes after is right
}

func mustContent(t *testing.T, fsys durable.FS) map[string]string {
	t.Helper()
	files, err := content(fsys, "out")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The number of cores does not show in the bytes, nor does memory that has to spill.
func TestSameBytes(t *testing.T) {
	w := newWriter(2)
	var list []data.Document
	for i := range 3000 {
		list = append(list, document(i, w.text(8)))
		if i%10 == 3 {
			list = append(list, document(-i, list[i/2].Text))
		}
	}
	set := Default()
	set.Stages = []string{ExactStage, NearStage}
	var results []string
	for _, memory := range []int64{1, 256} {
		set.MemoryMiB = memory
		disk := crashfs.New()
		report, err := Run(t.Context(), Options{FS: disk, Dir: "out", Settings: set, Source: docs("k", list...)})
		if err != nil {
			t.Fatal(err)
		}
		if memory == 256 && report.Out.Documents > 3000 {
			t.Errorf("%d documents are left", report.Out.Documents)
		}
		results = append(results, report.Result.Sum.SHA256)
	}
	if results[0] != results[1] {
		t.Error("spilling changes the result")
	}
}

func TestBadUse(t *testing.T) {
	src, sets := corpus(t)
	foreign := crashfs.New()
	if err := writeBytes(foreign, "out/thesis.tex", []byte("x")); err != nil {
		t.Fatal(err)
	}
	locked := crashfs.New()
	if err := durable.MkdirAll(locked, "out"); err != nil {
		t.Fatal(err)
	}
	if _, err := locked.Lock("out/" + lockName); err != nil {
		t.Fatal(err)
	}
	broken := source("k", func(yield func(data.Document, error) bool) {
		if yield(document(1, "A text."), nil) {
			yield(data.Document{}, fmt.Errorf("%w: planted", data.ErrStream))
		}
	})
	for name, c := range map[string]struct {
		fsys durable.FS
		src  Source
		set  func(*Settings)
		want error
		text string
	}{
		"foreign folder": {foreign, src, nil, ErrNotCuration, "thesis.tex"},
		"locked":         {locked, src, nil, durable.ErrLocked, ""},
		"broken source":  {crashfs.New(), broken, nil, data.ErrStream, "normalise"},
		"no set":         {crashfs.New(), src, func(s *Settings) { s.Decontaminate.Sets = nil }, ErrSettings, "no evaluation set"},
		"missing set": {crashfs.New(), src, func(s *Settings) {
			s.Decontaminate.Sets = []EvaluationSet{{Name: "x", Paths: []string{"nowhere.jsonl"}}}
		}, data.ErrNoFile, "nowhere.jsonl"},
		"unknown stage": {crashfs.New(), src, func(s *Settings) { s.Stages = []string{"rinse"} }, ErrSettings, "rinse"},
		"stdin":         {crashfs.New(), Files([]string{"-"}, data.Options{}), nil, ErrSettings, "several times"},
	} {
		set := settingsFor(sets)
		if c.set != nil {
			c.set(&set)
		}
		_, err := Run(t.Context(), Options{FS: c.fsys, Dir: "out", Settings: set, Source: c.src})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Run(ctx, Options{FS: crashfs.New(), Dir: "out", Settings: settingsFor(sets), Source: src}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A text whose line no reader would take back is dropped with a reason, and kept, cut, among what was dropped.
func TestTooLong(t *testing.T) {
	set := Default()
	set.Stages = []string{NormaliseStage}
	disk := crashfs.New()
	long := strings.Repeat("\"", data.MaxLine-1000)
	report, err := Run(t.Context(), Options{FS: disk, Dir: "out", Settings: set, Source: docs("k", document(1, long), document(2, "short")), KeepDropped: true})
	if err != nil {
		t.Fatal(err)
	}
	if report.Stages[0].Dropped[TooLong] != 1 || report.Out.Documents != 1 {
		t.Errorf("%+v", report.Stages[0])
	}
	files := mustContent(t, disk)
	if line := unpack(t, files["dropped/normalise.jsonl.zst"]); len(line) < 1<<20 || len(line) > 3<<20 || !strings.Contains(line, `"cut":true`) {
		t.Errorf("%d bytes were kept", len(line))
	}
}

func TestFilesKey(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.jsonl")
	write := func(text string) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		key, err := Files([]string{dir}, data.Options{}).Key(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	if a, b := write(`{"text":"a"}`), write(`{"text":"b"}`); a == b {
		t.Error("two contents have one key")
	} else if c := write(`{"text":"a"}`); c != a {
		t.Error("equal contents have two keys")
	}
	seen := map[string]int{}
	for i, opt := range []data.Options{{}, {Strict: true}, {TextField: "title"}, {Columns: data.Columns{Text: "title"}}, {Columns: data.Columns{ID: "title"}}} {
		key, err := Files([]string{dir}, opt).Key(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := seen[key]; ok {
			t.Errorf("options %d and %d have one key", before, i)
		}
		seen[key] = i
	}
}

// Members of an archive are files like any others, and a file that changes between the hash and the end of reading is noticed.
func TestFilesOfAllKinds(t *testing.T) {
	dir := t.TempDir()
	packed := filepath.Join(dir, "raw.zip")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w, `{"text":"in an archive"}`)
	if err := errors.Join(z.Close(), os.WriteFile(packed, b.Bytes(), 0o666), os.WriteFile(filepath.Join(dir, "b.jsonl"), []byte(`{"text":"beside it"}`), 0o666)); err != nil {
		t.Fatal(err)
	}
	src := Files([]string{dir}, data.Options{})
	if _, err := src.Key(t.Context()); err != nil {
		t.Fatal(err)
	}
	read := func() (n int, err error) {
		for _, err := range src.Documents(&data.Report{}) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	if n, err := read(); n != 2 || err != nil {
		t.Errorf("%d documents, %v", n, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.jsonl"), []byte(`{"text":"beside it, and longer"}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); !errors.Is(err, ErrChanged) {
		t.Errorf("a file changed: %v", err)
	}
}

func TestSettings(t *testing.T) {
	set := settingsFor([]EvaluationSet{{Name: "a", Paths: []string{"/x/a.jsonl"}}})
	text, err := set.encode()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	read := func(text string) (Settings, error) {
		path := filepath.Join(dir, "curate.toml")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return ReadSettings(path)
	}
	again, err := read(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(set, again, cmp.Comparer(func(a, b data.Options) bool { return true })); diff != "" {
		t.Error(diff)
	}
	got, err := read("stages = [\"quality\"]\n[quality]\nstop_words = [\"le\", \"la\"]\nmin_stop_words = 1\n[quality.repetition]\nmax_top_ngram = [0.1, 0.1, 0.1]\n")
	if err != nil || len(got.Quality.StopWords) != 2 || got.Quality.Repetition.MaxTop[2] != 0.1 || got.Quality.MaxWords != 100_000 {
		t.Errorf("%+v, %v", got.Quality, err)
	}
	for text, want := range map[string]string{
		"colour = 1":                    "curate.toml:1: unknown key colour",
		"\n[near]\nbands = \"x\"":       "curate.toml:3: near.bands",
		"stages = [\"near\", \"near\"]": "twice",
		"stages = []":                   "none is left",
		"memory_mib = 0":                "memory_mib = 0",
		"[language]\nallow = [\"xx\"]":  `no language "xx"`,
		"[language]\nallow = [\"en\"]\namong = [\"de\", \"fr\"]":            `"en" is not one of among`,
		"[quality]\nmax_bullet_lines = 2":                                   "max_bullet_lines = 2",
		"[quality]\nmin_stop_words = 9":                                     "stop_words has 8",
		"[near]\nverify = nan":                                              "verify = NaN",
		"[quality.repetition]\nmax_top_ngram = [0.1]":                       "has 1 values",
		"stages = [\"decontaminate\"]":                                      "no evaluation set",
		"stages = [\"decontaminate\"]\n[decontaminate]\non_ngram = \"eat\"": `on_ngram = "eat"`,
	} {
		if _, err := read(text); !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ReadSettings(filepath.Join(dir, "none.toml")); !errors.Is(err, ErrSettings) || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if !bytes.Contains([]byte(DefaultText), []byte("stages = ")) {
		t.Error("no default text")
	}
}
