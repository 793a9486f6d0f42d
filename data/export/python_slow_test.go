//go:build slow

package export

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/internal/durable"
)

// python runs a script with the peers' interpreter and decodes what it prints last.
func python(t *testing.T, script string, out any, args ...string) {
	t.Helper()
	interpreter := os.Getenv("PRIMER_PYTHON")
	if interpreter == "" {
		t.Skip("PRIMER_PYTHON names no interpreter; make test-python does")
	}
	cmd := exec.Command(interpreter, append([]string{filepath.Join("testdata", script)}, args...)...)
	cmd.Env = append(os.Environ(), "HF_HUB_OFFLINE=1", "HF_DATASETS_CACHE="+t.TempDir())
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	if err := json.Unmarshal(b, out); err != nil {
		t.Fatalf("%s printed %q: %v", script, b, err)
	}
}

// load_dataset checks the columns against the card's features and the rows against its split.
func TestPythonLoadsDataset(t *testing.T) {
	docs, all := filepath.Join(t.TempDir(), "docs"), filepath.Join(t.TempDir(), "chains")
	examples := filepath.Join(t.TempDir(), "examples")
	want := documents(50)
	if _, err := HuggingFace(durable.OS, docs, data.All(want), Options{ShardBytes: 1000, License: "cc0-1.0"}); err != nil {
		t.Fatal(err)
	}
	if _, err := HuggingFace(durable.OS, all, data.All(chains()), Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := HuggingFace(durable.OS, examples, data.All(chains()[0].Examples), Options{}); err != nil {
		t.Fatal(err)
	}
	for dir, n := range map[string]int{docs: 50, all: 2, examples: 2} {
		var got struct {
			Rows     []map[string]any
			Features map[string]any
		}
		python(t, "load_dataset.py", &got, dir)
		if len(got.Rows) != n || got.Features["id"] == nil {
			t.Fatalf("%s: %d rows, features %v", dir, len(got.Rows), got.Features)
		}
		for i, row := range got.Rows {
			if dir == docs && (row["text"] != want[i].Text || row["id"] != want[i].ID || (row["title"] == nil) != (want[i].Title == "")) {
				t.Errorf("row %d: %v", i, row)
			}
		}
		if dir == all {
			first := got.Rows[0]["examples"].([]any)[0].(map[string]any)["pairs"].([]any)[0].(map[string]any)
			if first["response"] != "Rain." || len(first["options"].([]any)) != 2 {
				t.Errorf("first pair %v", first)
			}
		}
	}
}

// Megatron's own reader gives the units back, document by document.
func TestPythonReadsMegatron(t *testing.T) {
	units := []shard.Unit{{Tokens: []int32{1, 300, 2}}, {Tokens: []int32{1, 2}}, {Tokens: []int32{1, 59999, 7, 2}}}
	for _, vocab := range []int{60000, 128000} {
		dir := filepath.Join(t.TempDir(), "out")
		if _, err := Megatron(durable.OS, dir, set(t, vocab, false, units...), []byte("{}"), Options{}); err != nil {
			t.Fatal(err)
		}
		var got struct {
			Dtype     string
			Sequences [][]int32
			Documents []int64
		}
		python(t, "read_megatron.py", &got, filepath.Join(dir, megatronName))
		if want := map[int]string{60000: "uint16", 128000: "int32"}[vocab]; got.Dtype != want || len(got.Sequences) != 3 {
			t.Fatalf("%+v", got)
		}
		for i, u := range units {
			if len(got.Sequences[i]) != len(u.Tokens) || got.Documents[i] != int64(i) {
				t.Errorf("%+v", got)
			}
			for j, id := range u.Tokens {
				if got.Sequences[i][j] != id {
					t.Errorf("sequence %d: %v", i, got.Sequences[i])
				}
			}
		}
	}
}
