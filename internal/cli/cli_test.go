package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/primer-lm/primer/data/sample"
)

// The commands run as processes of their own, which are this test binary under another name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"primer": func() { Main(Primer) }, "quickstart": func() { Main(Quickstart) }, "pretrain": func() { Main(Pretrain) },
		"tune": func() { Main(Tune) }, "synthesize": func() { Main(Synthesize) }, "corpus": func() { Main(Corpus) }, "evaluate": func() { Main(Evaluate) },
		"serve": func() { Main(Serve) },
	})
}

// small is a model of a few thousand parameters; a step of it takes milliseconds.
const small = `[train]
seq_len = 64
batch_tokens = 128
steps = 4
warmup = 2
save_every = 0
math = "f32"
[model]
hidden_size = 16
intermediate_size = 32
num_hidden_layers = 1
num_attention_heads = 2
num_key_value_heads = 1
max_position_embeddings = 256
`

// models are made once: a trained model and a synthesizer, both of four steps.
var models = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "primer-cli")
	if err != nil {
		return "", err
	}
	if err := writeInputs(dir); err != nil {
		return "", err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"pretrain", "--in", in("docs.jsonl")}, {"tune", "--in", in("gold.jsonl")},
	} {
		var log bytes.Buffer
		args = append(args, "--config", in("small.toml"), "--tokenizer", in("tokenizer.json"), "--out", in(args[0]))
		if code := Run(context.Background(), Primer, IO{strings.NewReader(""), &log, &log}, args); code != exitDone {
			return "", fmt.Errorf("%v: exit %d: %s", args, code, &log)
		}
	}
	return dir, nil
})

// writeInputs puts what most tests read into a folder.
func writeInputs(dir string) error {
	var docs, gold strings.Builder
	world := sample.NewWorld(1, sample.Options{Warm: 8, Train: 40, HeldOut: 8, Raw: 8, HeldOutRaw: 8, Comprehension: 8})
	for _, ex := range world.Tuning(sample.Train) {
		line, err := ex.AppendJSON(nil)
		if err != nil {
			return err
		}
		doc, err := ex.Document.AppendJSON(nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(&gold, "%s\n", line)
		fmt.Fprintf(&docs, "%s\n", doc)
	}
	for name, text := range map[string]string{"docs.jsonl": docs.String(), "gold.jsonl": gold.String(), "small.toml": small, "tokenizer.json": string(sample.Tokenizer())} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func folder(t testing.TB, run string) string {
	t.Helper()
	dir, err := models()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, run, "checkpoints", "step-4")
}

// Scripts in testdata/script: one command each, with good use, -h and wrong use. Beyond testscript's own commands they have
//
//	code N command args…    the command ends with that exit code
func TestScripts(t *testing.T) {
	if _, err := models(); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("MODEL", folder(t, "pretrain"))
			env.Setenv("SYNTH", folder(t, "tune"))
			env.Setenv("GOMAXPROCS", "2")
			if root, err := sample.GoRoot(); err == nil {
				env.Setenv("GOROOT", root)
			}
			return writeInputs(env.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": wantCode},
	})
}

func wantCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
