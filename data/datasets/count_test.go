package datasets

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// leastRecords is how many invented records each form of a dataset has at least, malformed ones included.
const leastRecords = 5

// oneForm are datasets without a form of Hugging Face's that differs from the original.
var oneForm = map[string]bool{"convfinqa": true, "wikiwhy": true}

// TestGoldenCounts holds the archives of TestGolden to what they must have: records of the original and of Hugging Face, and in
// each form something that is left out. A dataset that is added without them fails here.
func TestGoldenCounts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) != len(All()) {
		t.Errorf("%d archives for %d datasets, %v", len(files), len(All()), err)
	}
	for _, d := range All() {
		ar, err := txtar.ParseFile(filepath.Join("testdata", d.Name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(ar.Comment), "Traps: ") {
			t.Errorf("%s: the archive does not say which traps it holds", d.Name)
		}
		records, left := map[string]int64{}, map[string]int64{}
		dir, cases := unpack(t, ar)
		for _, name := range cases {
			form, _, _ := strings.Cut(strings.ReplaceAll(name, "@", "-"), "-") // native, hf, hf-mrqa, csv, …
			report := countCase(t, d, filepath.Join(dir, name), name)
			records[form] += report.Records
			for why, n := range report.Skipped {
				left[form] += n
				if why == Broken {
					left[form+" broken"] += n
				}
			}
		}
		for _, form := range []string{"native", "hf"} {
			if form == "hf" && oneForm[d.Name] {
				continue
			}
			if records[form] < leastRecords || left[form] < 2 || left[form+" broken"] < 1 && !columns[d.Name] {
				t.Errorf("%s, %s: %d records, %d left out, of them %d broken; at least %d, 2 and 1", d.Name, form, records[form], left[form],
					left[form+" broken"], leastRecords)
			}
		}
	}
}

// columns are datasets whose files are whole or not: a broken record of theirs is a broken file, which is a case of its own.
var columns = map[string]bool{"wikiwhy": true}

func countCase(t *testing.T, d *Dataset, dir, name string) *Report {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	var report Report
	_, split, _ := strings.Cut(name, "@")
	for range d.Convert(context.Background(), dir, Options{Split: Split(split)}, &report) { // errors are what TestGolden looks at
	}
	return &report
}
