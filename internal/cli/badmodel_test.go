package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cloneModel copies a model folder, without training state.
func cloneModel(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} {
		raw, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(to, name), raw)
	}
	return to
}

func put(t *testing.T, path string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// header changes the JSON header of a safetensors file.
func header(change func(h map[string]any)) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, "model.safetensors")
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n := binary.LittleEndian.Uint64(raw)
		var h map[string]any
		if err := json.Unmarshal(raw[8:8+n], &h); err != nil {
			t.Fatal(err)
		}
		change(h)
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		for len(text)%8 != 0 {
			text = append(text, ' ')
		}
		put(t, path, slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text, raw[8+n:]))
	}
}

// config changes fields of config.json.
func config(fields map[string]any) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, "config.json")
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var c map[string]any
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		maps.Copy(c, fields)
		if raw, err = json.Marshal(c); err != nil {
			t.Fatal(err)
		}
		put(t, path, raw)
	}
}

func remove(name string) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

const normName = "model.norm.weight"

// offsets gives the byte range of a tensor in a header.
func offsets(h map[string]any, name string) []any {
	return h[name].(map[string]any)["data_offsets"].([]any)
}

// badModels is what can be wrong with a model folder, and what the message has to name.
var badModels = map[string]struct {
	spoil func(t *testing.T, dir string)
	says  []string
}{
	"no weights":  {remove("model.safetensors"), []string{"model.safetensors"}},
	"no config":   {remove("config.json"), []string{"config.json"}},
	"truncated":   {truncate(100), []string{"model.safetensors"}},
	"half a file": {truncate(0), []string{"model.safetensors"}},
	"100 GB header": {func(t *testing.T, dir string) {
		path := filepath.Join(dir, "model.safetensors")
		put(t, path, append(binary.LittleEndian.AppendUint64(nil, 100_000_000_000), '{', '}'))
	}, []string{"model.safetensors", "100000000000"}},
	"offset beyond the file":   {header(func(h map[string]any) { offsets(h, normName)[1] = 1 << 40 }), []string{"model.safetensors", normName}},
	"overlap":                  {header(func(h map[string]any) { o := offsets(h, normName); o[0], o[1] = 0, 64 }), []string{"model.safetensors"}},
	"wrong shape":              {header(func(h map[string]any) { h[normName].(map[string]any)["shape"] = []int{8, 2} }), []string{normName}},
	"missing tensor":           {header(func(h map[string]any) { h["other"] = h[normName]; delete(h, normName) }), []string{normName}},
	"unknown architecture":     {config(map[string]any{"model_type": "mamba", "architectures": []string{"MambaForCausalLM"}}), []string{"config.json", "mamba"}},
	"contradicting sizes":      {config(map[string]any{"hidden_size": 24}), []string{"model.safetensors", "embed_tokens", "[1024 24]"}},
	"heads that do not divide": {config(map[string]any{"num_attention_heads": 3, "num_key_value_heads": 2}), []string{"config.json", "num_key_value_heads"}},
	"another vocabulary":       {config(map[string]any{"vocab_size": 512}), []string{"embed_tokens"}},
	"hostile tokenizer": {func(t *testing.T, dir string) {
		put(t, filepath.Join(dir, "tokenizer.json"), []byte(`{"model":{"type":"BPE","vocab":7}}`))
	}, []string{"tokenizer.json"}},
}

func truncate(size int64) func(t *testing.T, dir string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, "model.safetensors")
		if size == 0 {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			size = info.Size() / 2
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
	}
}

// Every command that opens a model folder refuses a bad one with exit code 4 and names what is wrong.
func TestBadModelFoldersAreRefusedByName(t *testing.T) {
	in, err := models()
	if err != nil {
		t.Fatal(err)
	}
	docs, gold := filepath.Join(in, "docs.jsonl"), filepath.Join(in, "gold.jsonl")
	for name, bad := range badModels {
		t.Run(name, func(t *testing.T) {
			dir, out := cloneModel(t, folder(t, "pretrain")), filepath.Join(t.TempDir(), "out")
			bad.spoil(t, dir)
			for _, args := range [][]string{
				{"evaluate", "perplexity", "--model", dir, "--in", docs},
				{"pretrain", "--model", dir, "--in", docs, "--out", out, "--recipe", "tiny"},
				{"tune", "--model", dir, "--in", gold, "--out", out, "--recipe", "tiny"},
				{"synthesize", "--model", dir, "--in", docs, "--out", out, "--max-new-tokens", "4"},
			} {
				code, _, log := invoke(args...)
				if code != exitData {
					t.Errorf("%s: exit %d: %s", args[0], code, log)
				}
				for _, want := range bad.says {
					if !strings.Contains(log, want) {
						t.Errorf("%s: the message does not name %q: %s", args[0], want, log)
					}
				}
				if _, err := os.Stat(out); err == nil {
					t.Errorf("%s left %s", args[0], out)
				}
			}
		})
	}
}

// A tokenizer that can produce ids the model has no row for is refused.
func TestTokenizerOfAnotherModel(t *testing.T) {
	in, err := models()
	if err != nil {
		t.Fatal(err)
	}
	small := filepath.Join(t.TempDir(), "small.toml")
	raw, err := os.ReadFile(filepath.Join(in, "small.toml"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, small, append(raw, "vocab_size = 1000\n"...))
	args := []string{"pretrain", "--in", filepath.Join(in, "docs.jsonl"), "--tokenizer", filepath.Join(in, "tokenizer.json"), "--out", t.TempDir()}
	code, _, log := invoke(append(args, "--config", small)...)
	if code != exitData || !strings.Contains(log, "1024") || !strings.Contains(log, "1000") {
		t.Errorf("exit %d: %s", code, log)
	}
	code, _, log = invoke(append(args, "--recipe", "500m")...)
	if code != exitData || !strings.Contains(log, "give --tokenizer") {
		t.Errorf("a small tokenizer for 500m: exit %d: %s", code, log)
	}
}

// invoke runs a command in this process.
func invoke(args ...string) (code int, stdout, stderr string) {
	var out, log bytes.Buffer
	code = Run(context.Background(), Primer, IO{strings.NewReader(""), &out, &log}, args)
	return code, out.String(), log.String()
}
