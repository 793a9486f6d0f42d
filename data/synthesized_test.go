package data_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
)

// The folder of a synthesis is the chains of its manifest; what is not whole, damaged or forged is refused.
func TestTheFolderOfASynthesis(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (ids string, err error) {
		for c, err := range data.Chains([]string{dir}, data.Options{Strict: true}) {
			if err != nil {
				return ids, err
			}
			ids += c.ID
		}
		return ids, nil
	}
	line := `{"id":"x","examples":[{"text":"a"}]}` + "\n"
	write("job.json", "{}")
	write("report.json", "{}")
	write("chains/0.jsonl", line)
	write("chains/1.jsonl", strings.ReplaceAll(line, `"x"`, `"y"`))
	if _, err := read(); !errors.Is(err, data.ErrNoFile) || !strings.Contains(err.Error(), "not finished") {
		t.Errorf("not whole: %v", err)
	}
	write("manifest.json", `{"shards":[{"file":"chains/1.jsonl","sum":{"bytes":37}},{"file":"chains/0.jsonl","sum":{"bytes":37}}]}`)
	if ids, err := read(); ids != "yx" || err != nil {
		t.Errorf("%q, %v", ids, err)
	}
	write("chains/0.jsonl", line[:20])
	if _, err := read(); !errors.Is(err, data.ErrStream) || !strings.Contains(err.Error(), "0.jsonl") {
		t.Errorf("cut: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "chains/0.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "chains/1.jsonl"), filepath.Join(dir, "chains/0.jsonl")); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); !errors.Is(err, data.ErrStream) {
		t.Errorf("a link: %v", err)
	}
	for _, forged := range []string{`{"shards":[{"file":"../secret.jsonl"}]}`, `{"shards":[{"file":"/etc/passwd"}]}`, `{"shards":`} {
		write("manifest.json", forged)
		if _, err := read(); !errors.Is(err, data.ErrStream) {
			t.Errorf("%s: %v", forged, err)
		}
	}
}
