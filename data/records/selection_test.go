package records_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/records"
)

type wide struct {
	Big     string   `parquet:"big"`
	Doc     string   `parquet:"doc_id"`
	Tags    []string `parquet:"tags,list"`
	Content string   `parquet:"content"`
	Last    int64    `parquet:"last"`
}

// wideFile has a column of n bytes a row that nobody wants.
func wideFile(t testing.TB, rows, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[wide](&b)
	rng := rand.New(rand.NewPCG(1, 2))
	junk := make([]byte, n/2)
	for i := range rows {
		for j := range junk {
			junk[j] = byte(rng.Uint32())
		}
		row := wide{Big: fmt.Sprintf("%x", junk), Doc: fmt.Sprint("d", i), Tags: []string{"x", "y"}, Content: fmt.Sprint("text ", i), Last: int64(i)}
		if _, err := w.Write([]wide{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOnlyWantedColumnsAreRead(t *testing.T) {
	b := wideFile(t, 200, 64<<10)
	path := filepath.Join(t.TempDir(), "a.parquet")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	before := readBytes(t)
	var got []string
	opt := data.Options{Tables: records.Tables(), Columns: data.Columns{ID: "doc_id", Drop: true}}
	for d, err := range data.Documents([]string{path}, opt) {
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Extra) > 0 {
			t.Fatalf("extra %v", d.Extra)
		}
		got = append(got, d.ID+"="+d.Text)
	}
	if len(got) != 200 || got[199] != "d199=text 199" {
		t.Errorf("%d rows, last %q", len(got), got[len(got)-1])
	}
	if n := readBytes(t) - before; n > int64(len(b))/20 {
		t.Errorf("%d bytes read of a file of %d", n, len(b))
	} else {
		t.Logf("%d bytes read of a file of %d", n, len(b))
	}
	// All columns, on demand.
	for d, err := range data.Documents([]string{path}, data.Options{Tables: records.Tables()}) {
		if err != nil || d.Text != "text 0" || string(d.Extra["tags"]) != `["x","y"]` || string(d.Extra["last"]) != "0" || len(d.Extra["big"]) != 64<<10+2 {
			t.Errorf("%q, %v", d.Text, err)
		}
		break
	}
}

// readBytes is what this process has read so far, through system calls.
func readBytes(t testing.TB) (n int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Skip(err)
	}
	if _, err := fmt.Sscanf(string(b), "rchar: %d", &n); err != nil {
		t.Skip(err)
	}
	return n
}

func TestTablesWithoutText(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[struct{ Body, Other string }](&b)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"a.parquet": b.String(), "a.csv": "Body,Other\nx,y\n", "a.tsv": "Body\tOther\nx\ty\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		one := func(c data.Columns) error {
			for _, err := range data.Documents([]string{path}, data.Options{Tables: records.Tables(), Columns: c}) {
				if err != nil {
					return err
				}
			}
			return nil
		}
		if err := one(data.Columns{}); !errors.Is(err, data.ErrFormat) || !strings.Contains(err.Error(), "there are Body, Other: name the one") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if err := one(data.Columns{Text: "Body", ID: "none"}); !errors.Is(err, data.ErrFormat) || !strings.Contains(err.Error(), `no column "none" for the id`) {
			t.Errorf("%s: %v", name, err)
		}
		if err := one(data.Columns{Text: "Body"}); err != nil && !errors.Is(err, data.ErrEmpty) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
