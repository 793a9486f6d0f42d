package datasets

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestListsOfObjects: a column that Hugging Face stores as one object of parallel lists is a list of objects in rows that were
// exported in another way. The archives' rows, rewritten so, give the same examples.
func TestListsOfObjects(t *testing.T) {
	rewritten := 0
	for _, d := range All() {
		ar, err := txtar.ParseFile(filepath.Join("testdata", d.Name+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		dir, cases := unpack(t, ar)
		for _, name := range cases {
			if !strings.HasPrefix(name, "hf") {
				continue
			}
			rewritten += rewriteRows(t, filepath.Join(dir, name))
			if got, want := convertCase(d, filepath.Join(dir, name), name), getFile(ar, "want/"+name); got != want {
				t.Errorf("%s %s:\n%swanted:\n%s", d.Name, name, got, want)
			}
		}
	}
	if rewritten < 100 {
		t.Errorf("only %d objects of lists were rewritten", rewritten)
	}
}

// rewriteRows gives the number of objects that became lists.
func rewriteRows(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(p) != ".jsonl" {
			return err
		}
		raw, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		lines := bytes.Split(raw, []byte("\n"))
		for i, line := range lines {
			var row map[string]any
			if json.Unmarshal(line, &row) != nil {
				continue
			}
			for k, v := range row { // the row itself is no list
				row[k] = asList(v, &n)
			}
			if lines[i], err = json.Marshal(row); err != nil {
				return err
			}
		}
		return os.WriteFile(p, bytes.Join(lines, []byte("\n")), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// asList turns an object whose members are lists of one length into a list of objects, at any depth.
func asList(v any, n *int) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = asList(v[i], n)
		}
	case map[string]any:
		length := -1
		for _, member := range v {
			l, ok := member.([]any)
			if !ok || length >= 0 && len(l) != length {
				length = -2
				break
			}
			length = len(l)
		}
		if length < 0 {
			for k := range v {
				v[k] = asList(v[k], n)
			}
			return v
		}
		*n++
		list := make([]any, length)
		for i := range list {
			row := map[string]any{}
			for k, member := range v {
				row[k] = asList(member.([]any)[i], n)
			}
			list[i] = row
		}
		return list
	}
	return v
}
