package datasets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// goldenFolder has a folder for each dataset of a role, with the native files of its golden.
func goldenFolder(t *testing.T, role Role) string {
	t.Helper()
	root := t.TempDir()
	for _, d := range All() {
		if d.Role != role {
			continue
		}
		ar, err := txtar.ParseFile(filepath.Join("testdata", d.Name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		dir, _ := unpack(t, ar)
		if err := os.Rename(filepath.Join(dir, "native"), filepath.Join(root, d.Title)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestTuningSet builds the whole set twice, from folders called by the datasets' titles: the bytes are the same, the manifest
// counts what is in the files, and the role's datasets are all there.
func TestTuningSet(t *testing.T) {
	for role, count := range map[Role]int{Tuning: 34, HeldOut: 4} {
		root := goldenFolder(t, role)
		found, missing, err := Locate(root, role)
		if err != nil || len(found) != count || len(missing) != 0 {
			t.Fatalf("%s: found %d, missing %v, %v", role, len(found), missing, err)
		}
		var manifests [2][]byte
		for i := range manifests {
			out := filepath.Join(t.TempDir(), "out")
			m, err := (&Build{FS: durable.OS, Out: out, Root: root, Sources: found, Options: Options{Limit: 2}}).Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			checkManifest(t, out, m)
			if manifests[i], err = os.ReadFile(filepath.Join(out, TuningManifest)); err != nil { // it has the sums of all files
				t.Fatal(err)
			}
		}
		if !bytes.Equal(manifests[0], manifests[1]) {
			t.Error("two runs differ")
		}
	}
}

// checkManifest counts again.
func checkManifest(t *testing.T, out string, m *Manifest) {
	t.Helper()
	var read Manifest
	b, err := os.ReadFile(filepath.Join(out, TuningManifest))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &read); err != nil || read.Pairs != m.Pairs || len(read.Datasets) != len(m.Datasets) {
		t.Errorf("the manifest on disk differs: %v", err)
	}
	var examples, pairs int64
	formats := map[string]int64{}
	for _, d := range m.Datasets {
		if strings.Contains(fmt.Sprint(d.From), "..") || len(d.From) == 0 {
			t.Errorf("%s was read from %v", d.Name, d.From)
		}
		n := int64(0)
		for ex, err := range data.Examples([]string{filepath.Join(out, d.File)}, data.Options{Strict: true}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			pairs += int64(len(ex.Pairs))
			for i := range ex.Pairs {
				formats[ex.Pairs[i].Format().String()]++
			}
			if ex.Source != d.Name || ex.ID == "" {
				t.Errorf("%s: source %q, id %q", d.Name, ex.Source, ex.ID)
			}
		}
		if n != d.Examples || n > 2 {
			t.Errorf("%s: %d examples, the manifest says %d", d.Name, n, d.Examples)
		}
		examples += n
	}
	if examples != m.Examples || pairs != m.Pairs || fmt.Sprint(formats) != fmt.Sprint(m.Formats) {
		t.Errorf("%d examples, %d pairs, %v; the manifest says %d, %d, %v", examples, pairs, formats, m.Examples, m.Pairs, m.Formats)
	}
}

// TestMost: those with most pairs, of equals the earlier, in the order of the file.
func TestMost(t *testing.T) {
	for _, c := range []struct {
		n     int
		pairs []int
		want  string
	}{{3, []int{1, 2, 1, 3, 2, 2}, "1 3 4"}, {1, []int{1, 1}, "0"}, {5, []int{2, 1}, "0 1"}, {2, []int{1, 1, 1, 5}, "0 3"}} {
		m := &most{n: c.n}
		for i, n := range c.pairs {
			m.add(data.Example{Document: data.Document{ID: fmt.Sprint(i)}, Pairs: make([]data.Pair, n)})
		}
		var got []string
		for _, r := range m.inOrder() {
			got = append(got, r.ex.ID)
		}
		if strings.Join(got, " ") != c.want || m.left != int64(max(0, len(c.pairs)-c.n)) {
			t.Errorf("%v: %v, %d left out", c, got, m.left)
		}
	}
}

// TestLocate: names in any spelling, files too; two of one dataset are an error.
func TestLocate(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"SQuAD", "Quac", "FairyTaleQA", "AQUA_RAT", ".coqa", "notes"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "dream.train.jsonl.gz"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	found, missing, err := Locate(root, Tuning)
	var names []string
	for _, s := range found {
		names = append(names, s.Dataset.Name)
	}
	if err != nil || strings.Join(names, " ") != "squad quac fairytaleqa dream aqua" || len(missing) != 29 {
		t.Errorf("found %v, missing %v, %v", names, missing, err)
	}
	if err := os.Mkdir(filepath.Join(root, "squad"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Locate(root, Tuning); err == nil || !strings.Contains(err.Error(), "SQuAD and squad are both squad") {
		t.Errorf("twice: %v", err)
	}
}

// TestDamagedFiles flips and cuts the files of every golden: conversions end, with examples or an error, and do not panic.
func TestDamagedFiles(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(filepath.Join("testdata", d.Name+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			dir, _ := unpack(t, ar)
			for i, f := range ar.Files {
				name, _, ok := strings.Cut(f.Name, "/")
				if !ok || name == "want" || len(f.Data) < 8 {
					continue
				}
				path := filepath.Join(dir, filepath.FromSlash(f.Name))
				whole, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				for k := range 4 {
					if err := os.WriteFile(path, damage(whole, k, (k*7919+13*i)%len(whole)), 0o644); err != nil {
						t.Fatal(err)
					}
					convertCase(d, filepath.Join(dir, name), name)
				}
				if err := os.WriteFile(path, whole, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// damage flips a bit, cuts, overwrites a byte or takes some out.
func damage(whole []byte, k, at int) []byte {
	b := bytes.Clone(whole)
	switch k % 4 {
	case 0:
		b[at] ^= 1 << k
	case 1:
		b = b[:at]
	case 2:
		b[at] = "{}[]\",:0"[k]
	case 3:
		b = append(b[:at:at], b[min(at+9, len(b)):]...)
	}
	return b
}
