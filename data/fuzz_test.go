package data

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Any bytes as standard input: documents or an error, no panic, no silence.
func FuzzPacked(f *testing.F) {
	for name, b := range forms(f) {
		if filepath.Ext(name) != ".zip" {
			f.Add(b)
		}
	}
	f.Add([]byte(packedLines))
	f.Fuzz(func(t *testing.T, b []byte) { someOrError(t, Stdin, Options{Stdin: bytes.NewReader(b)}) })
}

// Any bytes as an archive.
func FuzzZip(f *testing.F) {
	f.Add(forms(f)["a.zip"])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "a.zip")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		someOrError(t, path, Options{})
	})
}

// Any line under any column map.
func FuzzColumns(f *testing.F) {
	f.Add([]byte(`{"content":"c","meta":{"title":"T"},"id":1}`), "content", "meta.title")
	f.Add([]byte(`{"MedlineCitation":{"PMID":5,"Article":{"Abstract":{"AbstractText":"A"}}}}`), "", "")
	f.Fuzz(func(t *testing.T, line []byte, text, title string) {
		doc, err := decodeDocument(line, &Columns{Text: text, Title: title})
		if err != nil {
			return
		}
		out, err := doc.AppendJSON(nil)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		again, err := DecodeDocument(out, "")
		if err != nil || again.Text != doc.Text || again.Title != doc.Title || len(again.Extra) != len(doc.Extra) {
			t.Fatalf("%s became %s: %v", line, out, err)
		}
	})
}

func someOrError(t *testing.T, path string, opt Options) {
	n := 0
	for range Documents([]string{path}, opt) {
		n++
	}
	if n == 0 {
		t.Error("no document and no error")
	}
}
