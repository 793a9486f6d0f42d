//go:build slow

package hf_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// TestTransformersLoadsWhatWeWrite runs the peer itself: PRIMER_PYTHON names a Python that has torch and transformers.
func TestTransformersLoadsWhatWeWrite(t *testing.T) {
	python := os.Getenv("PRIMER_PYTHON")
	if python == "" {
		t.Skip("PRIMER_PYTHON names no Python with torch and transformers")
	}
	for i, name := range goldenNames(t) {
		in, err := hf.OpenFolder(filepath.Join(goldens, name))
		if err != nil {
			t.Fatal(err)
		}
		dtype := map[string]string{"float32": "F32", "bfloat16": "BF16", "float16": "F16"}[in.Config.DType]
		dir := filepath.Join(t.TempDir(), "out")
		err = durable.CommitDir(durable.OS, dir, func(tmp *durable.Dir) error {
			return hf.WriteFolder(tmp, hf.Output{Config: in.Config, DType: dtype, MaxShard: int64(i%2) * 20000,
				Tensor: func(v model.View, w io.Writer) error {
					from, _ := in.Tensor(v.Name)
					_, err := w.Write(from.Bytes)
					return err
				}})
		})
		in.Close()
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(python, "../testdata/check_load.py", dir, filepath.Join(goldens, name)).CombinedOutput()
		if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "equal") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
