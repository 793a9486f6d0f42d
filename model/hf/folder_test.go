package hf_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/primer-lm/primer/model/hf"
)

// copyFolder copies a golden's files where they can be damaged.
func copyFolder(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join(goldens, name, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(f)), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, change(b), 0o644))
}

// rewriteHeader replaces text in the header of a safetensors file and mends the length before it.
func rewriteHeader(t *testing.T, path, from, to string) {
	t.Helper()
	edit(t, path, func(b []byte) []byte {
		n := binary.LittleEndian.Uint64(b)
		head := strings.Replace(string(b[8:8+n]), from, to, 1)
		if head == string(b[8:8+n]) {
			t.Fatalf("%s does not hold %q", path, from)
		}
		out := binary.LittleEndian.AppendUint64(nil, uint64(len(head)))
		return append(append(out, head...), b[8+n:]...)
	})
}

func editIndex(t *testing.T, dir string, change func(map[string]string)) {
	t.Helper()
	edit(t, filepath.Join(dir, hf.IndexName), func(b []byte) []byte {
		var index struct {
			Metadata  map[string]any    `json:"metadata"`
			WeightMap map[string]string `json:"weight_map"`
		}
		must(t, json.Unmarshal(b, &index))
		change(index.WeightMap)
		out, err := json.Marshal(index)
		must(t, err)
		return out
	})
}

const aNorm = "model.layers.0.input_layernorm.weight"

func TestDamagedFoldersAreRefused(t *testing.T) {
	single, sharded := "llama2-mha", "llama3-tied"
	shard := func(dir string) string { return filepath.Join(dir, "model-00002-of-00006.safetensors") }
	cases := []struct {
		name, golden string
		damage       func(dir string)
		is           error
		says         string
	}{
		{"no folder", single, func(d string) { must(t, os.RemoveAll(d)) }, hf.ErrFile, ""},
		{"no config", single, func(d string) { must(t, os.Remove(filepath.Join(d, hf.ConfigName))) }, hf.ErrFile, hf.ConfigName},
		{"no weights", single, func(d string) { must(t, os.Remove(filepath.Join(d, hf.SingleName))) }, hf.ErrFile, "neither"},
		{"weights and index", sharded, func(d string) { must(t, os.Rename(shard(d), filepath.Join(d, hf.SingleName))) }, hf.ErrFile, "both"},
		{"missing shard", sharded, func(d string) { must(t, os.Remove(shard(d))) }, hf.ErrFile, "model-00002"},
		{"truncated", single, func(d string) { must(t, os.Truncate(filepath.Join(d, hf.SingleName), 50000)) }, hf.ErrHeader, "truncated?"},
		{"cut to nothing", single, func(d string) { must(t, os.Truncate(filepath.Join(d, hf.SingleName), 0)) }, hf.ErrHeader, "0 bytes"},
		{"trailing byte", single, func(d string) {
			edit(t, filepath.Join(d, hf.SingleName), func(b []byte) []byte { return append(b, 0) })
		}, hf.ErrHeader, "left over"},
		{"sparse header", single, func(d string) {
			edit(t, filepath.Join(d, hf.SingleName), func([]byte) []byte { return binary.LittleEndian.AppendUint64(nil, 99_999_999) })
			must(t, os.Truncate(filepath.Join(d, hf.SingleName), 8+99_999_999))
		}, hf.ErrHeader, "begin with"},
		{"renamed tensor", single, func(d string) {
			rewriteHeader(t, filepath.Join(d, hf.SingleName), aNorm, "model.layers.0.input_layernorm.waight")
		}, hf.ErrTensor, aNorm + `" is missing`},
		{"unknown tensor", single, func(d string) {
			rewriteHeader(t, filepath.Join(d, hf.SingleName), `{"`, `{"model.layers.0.self_attn.q_proj.bias":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"`)
		}, hf.ErrTensor, "q_proj.bias"},
		{"layer too many", single, func(d string) {
			rewriteHeader(t, filepath.Join(d, hf.SingleName), `{"`, `{"model.layers.2.input_layernorm.weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"`)
		}, hf.ErrTensor, "layers.2"},
		{"other shape", single, func(d string) {
			edit(t, filepath.Join(d, hf.ConfigName), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"intermediate_size": 48`), []byte(`"intermediate_size": 50`), 1)
			})
		}, hf.ErrTensor, "config.json makes it"},
		{"vocabulary of another size", single, func(d string) {
			edit(t, filepath.Join(d, hf.ConfigName), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"vocab_size": 96`), []byte(`"vocab_size": 97`), 1)
			})
		}, hf.ErrTensor, "[96 32]"},
		{"other dtype", single, func(d string) {
			rewriteHeader(t, filepath.Join(d, hf.SingleName), `"dtype":"F32"`, `"dtype":"I32"`)
		}, hf.ErrTensor, "I32"},
		{"tied, says untied", sharded, func(d string) {
			edit(t, filepath.Join(d, hf.ConfigName), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"tie_word_embeddings": true`), []byte(`"tie_word_embeddings": false`), 1)
			})
		}, hf.ErrTensor, "lm_head.weight"},
		{"untied, says tied", single, func(d string) {
			edit(t, filepath.Join(d, hf.ConfigName), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"tie_word_embeddings": false`), []byte(`"tie_word_embeddings": true`), 1)
			})
		}, hf.ErrTensor, "differs from"},
		{"index is no JSON", sharded, func(d string) { edit(t, filepath.Join(d, hf.IndexName), func([]byte) []byte { return []byte("{") }) }, hf.ErrIndex, ""},
		{"index is empty", sharded, func(d string) { editIndex(t, d, func(m map[string]string) { clear(m) }) }, hf.ErrIndex, "0 tensors"},
		{"index climbs", sharded, func(d string) { editIndex(t, d, func(m map[string]string) { m[aNorm] = "../other/model.safetensors" }) }, hf.ErrIndex, "../other"},
		{"index is absolute", sharded, func(d string) { editIndex(t, d, func(m map[string]string) { m[aNorm] = "/etc/x.safetensors" }) }, hf.ErrIndex, "/etc"},
		{"index names a folder", sharded, func(d string) { editIndex(t, d, func(m map[string]string) { m[aNorm] = ".." }) }, hf.ErrIndex, `".."`},
		{"index names a pickle", sharded, func(d string) { editIndex(t, d, func(m map[string]string) { m[aNorm] = "pytorch_model.bin" }) }, hf.ErrIndex, ".bin"},
		{"index misplaces", sharded, func(d string) {
			editIndex(t, d, func(m map[string]string) { m[aNorm] = "model-00001-of-00006.safetensors" })
		}, hf.ErrIndex, aNorm},
		{"index forgets", sharded, func(d string) { editIndex(t, d, func(m map[string]string) { delete(m, aNorm) }) }, hf.ErrIndex, aNorm},
		{"index invents", sharded, func(d string) {
			editIndex(t, d, func(m map[string]string) { m["model.layers.9.x"] = "model-00001-of-00006.safetensors" })
		}, hf.ErrIndex, "layers.9"},
		{"shard is a link", sharded, func(d string) {
			must(t, os.Rename(shard(d), shard(d)+".away"))
			must(t, os.Symlink(shard(d)+".away", shard(d)))
		}, hf.ErrFile, "symbolic link"},
		{"shard is a folder", sharded, func(d string) {
			must(t, os.Remove(shard(d)))
			must(t, os.Mkdir(shard(d), 0o755))
		}, hf.ErrFile, "no regular file"},
		{"shard is a pipe", sharded, func(d string) {
			must(t, os.Remove(shard(d)))
			must(t, syscall.Mkfifo(shard(d), 0o644))
		}, hf.ErrFile, "no regular file"},
		{"shard is a device", sharded, func(d string) {
			must(t, os.Remove(shard(d)))
			must(t, os.Symlink("/dev/zero", shard(d)))
		}, hf.ErrFile, "symbolic link"},
		{"huge config", single, func(d string) { must(t, os.Truncate(filepath.Join(d, hf.ConfigName), 1<<40)) }, hf.ErrFile, "at most"},
	}
	for _, c := range cases {
		dir := copyFolder(t, c.golden)
		c.damage(dir)
		f, err := hf.OpenFolder(dir)
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, expected %v that says %q", c.name, err, c.is, c.says)
		}
		if err == nil {
			f.Close()
		}
	}
}

// A file that changes under its mapping must be noticed before its bytes are used.
func TestAChangedFileIsNoticed(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"cut":     func(path string) error { return os.Truncate(path, 100) },
		"touched": func(path string) error { return os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)) },
	} {
		dir := copyFolder(t, "llama2-mha")
		f, err := hf.OpenFolder(dir)
		must(t, err)
		must(t, f.Check())
		must(t, change(filepath.Join(dir, hf.SingleName)))
		if err := f.Check(); !errors.Is(err, hf.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
		must(t, f.Close())
	}
}

func TestVocabularyOfAnotherModelIsRefused(t *testing.T) {
	c, err := hf.ReadConfig(filepath.Join(goldens, "llama2-mha"))
	must(t, err)
	must(t, hf.CheckVocabulary(c, "tokenizer.json", 96))
	must(t, hf.CheckVocabulary(c, "tokenizer.json", 90))
	if err := hf.CheckVocabulary(c, "tokenizer.json", 97); !errors.Is(err, hf.ErrVocabulary) {
		t.Error(err)
	}
}
