package datasets

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/primer-lm/primer/data"
)

var update = flag.Bool("update", false, "write what the conversions give as what is wanted; read the difference before committing it")

// TestGolden converts the invented records of testdata/NAME.txtar. Each archive says in front which traps it holds. Its folders
// are cases, published layouts on a small scale: native, hf (rows of Hugging Face), mrqa, …; a name such as native@dev asks for
// another split. The file want/CASE holds the examples that must come, without id and source, one a line, and then, behind "# ",
// what must be left out and how often, or the error. Cases that start with hf are converted a second time from Parquet.
func TestGolden(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", d.Name+".txtar")
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir, cases := unpack(t, ar)
			if len(cases) == 0 {
				t.Fatal("no case")
			}
			for _, name := range cases {
				got := convertCase(d, filepath.Join(dir, name), name)
				if *update {
					setFile(ar, "want/"+name, got)
				} else if want := getFile(ar, "want/"+name); got != want {
					t.Errorf("%s:\n%swanted:\n%s", name, got, want)
				}
				if !strings.HasPrefix(name, "hf") {
					continue
				}
				if toParquet(t, filepath.Join(dir, name)) {
					if p := convertCase(d, filepath.Join(dir, name), name); withoutBroken(p) != withoutBroken(got) {
						t.Errorf("%s from Parquet:\n%sfrom JSON:\n%s", name, p, got)
					}
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// convertCase gives what want/CASE holds.
func convertCase(d *Dataset, dir, name string) string {
	var b strings.Builder
	var report Report
	_, split, _ := strings.Cut(name, "@")
	for ex, err := range d.Convert(context.Background(), dir, Options{Split: Split(split)}, &report) {
		if err != nil {
			text := strings.ReplaceAll(err.Error(), dir, "CASE")
			first, _, _ := strings.Cut(text, "\n")
			fmt.Fprintf(&b, "# error: %s\n", first)
			break
		}
		ex.ID, ex.Source = "", ""
		line, err := ex.AppendJSON(nil)
		if err != nil {
			fmt.Fprintf(&b, "# %v\n", err)
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	for _, why := range slices.Sorted(maps.Keys(report.Skipped)) {
		fmt.Fprintf(&b, "# %s: %d\n", why, report.Skipped[why])
	}
	for _, note := range report.Notes {
		fmt.Fprintf(&b, "# note: %s\n", note)
	}
	return b.String()
}

func withoutBroken(s string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(s, "\n"), func(l string) bool { return strings.HasPrefix(l, "# "+string(Broken)) }), "\n")
}

// unpack writes the cases of an archive to a folder. A line of \r\n is written as ␍ in an archive, a tab as ⇥.
func unpack(t *testing.T, ar *txtar.Archive) (dir string, cases []string) {
	dir = t.TempDir()
	for _, f := range ar.Files {
		name, _, ok := strings.Cut(f.Name, "/")
		if !ok || name == "want" {
			continue
		}
		if !slices.Contains(cases, name) {
			cases = append(cases, name)
		}
		p := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		b := bytes.ReplaceAll(bytes.ReplaceAll(f.Data, []byte("␍"), []byte("\r")), []byte("⇥"), []byte("\t"))
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, cases
}

func getFile(ar *txtar.Archive, name string) string {
	for _, f := range ar.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func setFile(ar *txtar.Archive, name, content string) {
	for i := range ar.Files {
		if ar.Files[i].Name == name {
			ar.Files[i].Data = []byte(content)
			return
		}
	}
	ar.Files = append(ar.Files, txtar.File{Name: name, Data: []byte(content)})
}

// TestPlaces: a file, a glob and a folder give the same; what is not there is named.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	content := `{"data":[{"paragraphs":[{"context":"Ann owns a kite.","qas":[{"question":"Who?","answers":[{"text":"Ann","answer_start":0}]}]}]}]}`
	if err := os.MkdirAll(filepath.Join(dir, "v1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"v1/train-v1.1.json", "v1/dev-v1.1.json", ".hidden-train-v1.1.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := ""
	for _, p := range []string{"v1/train-v1.1.json", "v1/t*.json", ".", "v1"} {
		got := convertCase(&squad, filepath.Join(dir, p), "")
		if want == "" {
			want = got
		}
		if got != want || !strings.Contains(got, "Ann owns") {
			t.Errorf("%s: %s", p, got)
		}
	}
	for path, says := range map[string]string{"none": "no input file", "*.csv": "matches no file", "v1@test": "holds none of squad's test files"} {
		p, split, _ := strings.Cut(path, "@")
		if got := convertCase(&squad, filepath.Join(dir, p), "@"+split); !strings.Contains(got, says) {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{"squad": "squad", "SQuAD": "squad", "rajpurkar/squad": "squad", "COVID_QA": "covid-qa", "medqa": "medqa", "MedQA-USMLE": "medqa", "PubMedQA_yes_opt": "pubmedqa"} {
		if d, err := Find(name); err != nil || d.Name != want {
			t.Errorf("%s: %v, %v", name, d, err)
		}
	}
	if _, err := Find("squadron"); err == nil {
		t.Error("squadron was found")
	}
	seen := map[string]bool{}
	for _, d := range All() {
		if seen[d.Name] || d.Title == "" || d.Licence == "" || d.Native == "" || d.Pairs == "" || d.Role == "" || d.convert == nil {
			t.Errorf("%s: stands twice or lacks a fact", d.Name)
		}
		seen[d.Name] = true
	}
}

// TestWindows: every character stands in one window, none is too long, answers are not cut, pairs go where they belong.
func TestWindows(t *testing.T) {
	text := "One two three.\nFour five six. Seven eight\nnine ten eleven twelve thirteen fourteen."
	at := func(s string) span {
		i := strings.Index(text, s)
		return span{i, i + len(s)}
	}
	for _, c := range []struct {
		words int
		want  string
	}{
		{100, text + " :abcd"},
		{7, "One two three.\n :a|Four five six. Seven eight\n :b|nine ten eleven twelve thirteen fourteen. :c"},
		{3, "One two three.\n :a|Four five six. :|Seven :|eight\nnine ten eleven twelve thirteen fourteen. :"},
	} {
		var report Report
		conv := &conversion{set: &squad, opt: Options{MaxWords: c.words}, report: &report}
		p := &passage{text: text}
		for id, s := range map[string]string{"a": "two", "b": "Seven eight", "c": "ten eleven"} {
			p.pairs = append(p.pairs, located{data.Pair{Instruction: id}, at(s)})
		}
		p.pairs = append(p.pairs, located{data.Pair{Instruction: "d"}, span{}})
		slices.SortFunc(p.pairs, func(a, b located) int { return strings.Compare(a.Instruction, b.Instruction) })
		var got []string
		whole := ""
		for _, w := range conv.windows(p) {
			ids := ""
			for _, q := range w.pairs {
				ids += q.Instruction
			}
			got = append(got, w.text+" :"+ids)
			whole += w.text
			if fits([]rune(w.text), 0, c.words) != len([]rune(w.text)) {
				t.Errorf("%d words: %q is too long", c.words, w.text)
			}
		}
		if whole != text {
			t.Errorf("%d words: %q", c.words, whole)
		}
		if c.words > 3 && strings.Join(got, "|") != c.want {
			t.Errorf("%d words: %q", c.words, got)
		}
		if c.words < 100 && report.Skipped[NoPlace] != 1 {
			t.Errorf("%d words: %v", c.words, report.Skipped)
		}
	}
}
