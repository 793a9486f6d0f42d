//go:build cuda && emulator

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/train"
)

// cudaSmall is a smaller small: two short steps on the emulated device take seconds.
const cudaSmall = `[train]
seq_len = 32
batch_tokens = 64
micro_tokens = 32
steps = 2
warmup = 1
save_every = 1
math = "bf16"
recompute = "layer"
[model]
hidden_size = 32
intermediate_size = 32
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
max_position_embeddings = 64
`

// onCUDA runs a command of primer on the emulated device.
func onCUDA(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	args = append(args, "--device", "cuda:0")
	if code := Run(context.Background(), Primer, IO{strings.NewReader(""), &out, &log}, args); code != exitDone {
		t.Fatalf("%v: exit %d: %s", args, code, &log)
	}
	return out.String(), log.String()
}

// pretrain and tune train on a GPU as on the CPU: steps, checkpoint, nothing left to do the second time. The folder that one
// writes is what the other starts from.
func TestTrainingCommandsOnCUDA(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := writeInputs(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in("cuda.toml"), []byte(cudaSmall), 0o644); err != nil {
		t.Fatal(err)
	}
	pretrain := []string{"pretrain", "--in", in("docs.jsonl"), "--config", in("cuda.toml"), "--tokenizer", in("tokenizer.json"), "--out", in("run")}
	if _, log := onCUDA(t, pretrain...); !strings.Contains(log, "2 steps of 64 tokens on cuda:0 (bf16)") {
		t.Errorf("the log is %s", log)
	}
	if out, _ := onCUDA(t, pretrain...); !strings.Contains(out, "nothing to do: all 2 steps are done") {
		t.Errorf("once more: %s", out)
	}
	if steps := len(curve(t, in("run"))); steps != 2 {
		t.Errorf("%d steps are logged", steps)
	}
	tune := []string{"tune", "--in", in("gold.jsonl"), "--model", filepath.Join(in("run"), "checkpoints", "step-2"), "--out", in("tuned"),
		"--steps", "1", "--seq-len", "64", "--batch-tokens", "64", "--micro-tokens", "64", "--json"}
	var done trained
	out, _ := onCUDA(t, tune...)
	if err := json.Unmarshal([]byte(out), &done); err != nil || done.Steps != 1 || done.Loss == nil {
		t.Errorf("tuned: %+v, %v", done, err)
	}
}

// --plan asks the device that it is for: what the backend holds itself is part of it.
func TestPlanOnCUDA(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	out, _ := onCUDA(t, "pretrain", "--recipe", "500m", "--plan", "--json")
	var p planned
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		t.Fatal(err)
	}
	if p.Bytes["workspace"] < 96<<20 || p.Bytes["staging"] < 16<<20 || p.Parameters != train.Recipes()["500m"].Model.NumParams() {
		t.Errorf("%+v", p)
	}
}
