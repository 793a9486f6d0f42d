package hf_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"

	"bytes"
	"io"
	"reflect"
)

const goldens = "../testdata/goldens"

func goldenNames(t *testing.T) []string {
	t.Helper()
	dirs, err := os.ReadDir(goldens)
	if err != nil || len(dirs) < 6 {
		t.Fatalf("goldens: %d folders, %v", len(dirs), err)
	}
	var out []string
	for _, d := range dirs {
		out = append(out, d.Name())
	}
	return out
}

func TestReadsWhatTransformersWrites(t *testing.T) {
	rope := model.Rope{Type: model.RopeLlama3, Theta: 500000, Factor: 4, LowFreq: 1, HighFreq: 4, OriginalMax: 32}
	want := map[string]model.Config{
		"llama3-headdim": {ModelType: "llama", VocabSize: 113, HiddenSize: 48, IntermediateSize: 64, NumHiddenLayers: 2, NumHeads: 4,
			NumKeyValueHeads: 1, HeadDim: 16, MaxPositions: 128, HiddenAct: "silu", RMSNormEps: 1e-4, Rope: rope,
			InitializerRange: 0.02, BOS: []int32{1}, EOS: []int32{2}, DType: "float16"},
		"mistral-window": {ModelType: "mistral", VocabSize: 100, HiddenSize: 32, IntermediateSize: 60, NumHiddenLayers: 3, NumHeads: 4,
			NumKeyValueHeads: 2, HeadDim: 8, MaxPositions: 128, HiddenAct: "silu", RMSNormEps: 1e-5, SlidingWindow: 7,
			Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.02, BOS: []int32{1}, EOS: []int32{2}, DType: "bfloat16"},
	}
	for _, name := range goldenNames(t) {
		f, err := hf.OpenFolder(filepath.Join(goldens, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w, ok := want[name]; ok && !reflect.DeepEqual(*f.Config, w) {
			t.Errorf("%s: %+v, want %+v", name, *f.Config, w)
		}
		if err := f.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
	}
}

// What is written must read back as the same configuration and the same bytes, in one file and in shards.
func TestWriteReadsBack(t *testing.T) {
	for _, name := range goldenNames(t) {
		for _, limit := range []int64{0, 20000} {
			in, err := hf.OpenFolder(filepath.Join(goldens, name))
			if err != nil {
				t.Fatal(err)
			}
			dtype := map[string]string{"float32": "F32", "bfloat16": "BF16", "float16": "F16"}[in.Config.DType]
			dir := filepath.Join(t.TempDir(), "out")
			err = durable.CommitDir(durable.OS, dir, func(tmp *durable.Dir) error {
				return hf.WriteFolder(tmp, hf.Output{Config: in.Config, DType: dtype, MaxShard: limit, Tokenizer: []byte("{}"),
					Tensor: func(v model.View, w io.Writer) error {
						from, _ := in.Tensor(v.Name)
						_, err := w.Write(from.Bytes)
						return err
					}})
			})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			compareFolders(t, name, in, dir, limit > 0)
			in.Close()
		}
	}
}

func compareFolders(t *testing.T, name string, in *hf.Folder, dir string, sharded bool) {
	t.Helper()
	out, err := hf.OpenFolder(dir)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	defer out.Close()
	if !reflect.DeepEqual(in.Config, out.Config) {
		t.Errorf("%s: config %+v, wrote %+v", name, out.Config, in.Config)
	}
	if _, err := os.Stat(filepath.Join(dir, hf.IndexName)); sharded != (err == nil) {
		t.Errorf("%s: sharded %v, index: %v", name, sharded, err)
	}
	if tok, err := out.TokenizerJSON(); err != nil || string(tok) != "{}" {
		t.Errorf("%s: tokenizer.json %q %v", name, tok, err)
	}
	for _, p := range in.Config.Params() {
		for _, v := range p.Views {
			a, _ := in.Tensor(v.Name)
			b, ok := out.Tensor(v.Name)
			if !ok || !bytes.Equal(a.Bytes, b.Bytes) || a.DType != b.DType {
				t.Errorf("%s: %s differs", name, v.Name)
			}
		}
	}
}
