package records_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

// tables is a folder with one file of each layout.
func tables(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	parquet, err := os.ReadFile("testdata/nested.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.csv": "id,text\n1,\"One,\ntwo\"\n2\n3,Three\n", "b.jsonl": `{"id":"j","text":"Line"}` + "\n",
		"c.parquet": string(parquet), "d.tsv": "text\tid\nTab\tt\n", "e.bin": "no"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Tables read in their place among other files; rows that are no document are counted with file and number.
func TestTablesAreReadAsDocuments(t *testing.T) {
	dir := tables(t)
	var report data.Report
	opt := data.Options{Tables: records.Tables(), Report: &report}
	var got []string
	for doc, err := range data.Documents([]string{dir}, opt) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, doc.ID+"="+doc.Text)
	}
	if want := []string{"1=One,\ntwo", "3=Three", "j=Line", "1=ä \"quoted\"\n", "t=Tab"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if report.Broken != 3 || report.Files != 4 || report.Records != 5 || len(report.Problems) != 3 || report.Problems[0].Line != 4 ||
		!strings.HasSuffix(report.Problems[1].File, "c.parquet") || report.Problems[1].Line != 2 {
		t.Errorf("%+v", report)
	}
	files, err := data.Files([]string{dir}, opt)
	if err != nil || len(files) != 4 || filepath.Base(files[2]) != "c.parquet" {
		t.Errorf("%v, %v", files, err)
	}
	// The consumer may stop inside a table.
	for range data.Documents([]string{filepath.Join(dir, "a.csv")}, opt) {
		break
	}
}

func TestTablesErrors(t *testing.T) {
	dir := tables(t)
	one := func(path string, opt data.Options) error {
		for _, err := range data.Documents([]string{path}, opt) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	var at *data.LineError
	if err := one(filepath.Join(dir, "a.csv"), data.Options{Tables: records.Tables(), Strict: true}); !errors.Is(err, data.ErrBroken) || !errors.As(err, &at) || at.Line != 4 {
		t.Errorf("strict: %v", err)
	}
	if err := one("testdata/nested-lz4.parquet", data.Options{Tables: records.Tables()}); !errors.Is(err, data.ErrFormat) || !strings.Contains(err.Error(), "nested-lz4.parquet: ") {
		t.Errorf("a codec nobody reads: %v", err)
	}
	if err := one(filepath.Join(dir, "c.parquet"), data.Options{}); !errors.Is(err, data.ErrFormat) {
		t.Errorf("without Tables: %v", err)
	}
	if err := one(filepath.Join(dir, "e.bin"), data.Options{Tables: records.Tables()}); !errors.Is(err, data.ErrFormat) || !strings.Contains(err.Error(), ".parquet") {
		t.Errorf("unknown: %v", err)
	}
	f, err := os.Open(filepath.Join(dir, "c.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := one(data.Stdin, data.Options{Tables: records.Tables(), Stdin: f}); !errors.Is(err, data.ErrFormat) || !strings.Contains(err.Error(), "give the name of the file") {
		t.Errorf("from a pipe: %v", err)
	}
}
