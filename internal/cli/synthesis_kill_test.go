package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/synth/job"
)

// writerConfig is a model of one layer that learns in half a second to write a few pairs.
const writerConfig = `[train]
seq_len = 64
batch_tokens = 256
steps = 150
warmup = 5
rate = 0.02
save_every = 0
math = "f32"
[model]
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 1
num_attention_heads = 2
num_key_value_heads = 1
max_position_embeddings = 256
`

// writer is the folder of a synthesizer that writes pairs, with a corpus beside it (docs.jsonl).
var writer = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "primer-writer")
	if err != nil {
		return "", err
	}
	in, err := models()
	if err != nil {
		return "", err
	}
	var gold, docs strings.Builder
	rng := rand.New(rand.NewPCG(1, 0))
	questions, answers := []string{"Where?", "What is it?", "Why?", "Who says so?"}, []string{"There.", "By a river.", "In the north.", "Here."}
	for i := range 256 {
		fmt.Fprintf(&gold, `{"id":"g%d","text":"The town number %d lies by a river.","pairs":[`, i, i)
		for k, q := range rng.Perm(4)[:3] {
			fmt.Fprintf(&gold, `%.*s{"instruction":%q,"response":%q}`, min(k, 1), ",", questions[q], answers[rng.IntN(4)])
		}
		gold.WriteString("]}\n")
	}
	for i := range 400 {
		text := strings.Repeat(fmt.Sprintf("The town number %d lies by a river. ", i), 1+i%9/8*20) // some are longer than the window
		fmt.Fprintf(&docs, `{"id":"d%d","text":%q,"at":[%d]}`+"\n", i, text, i)
	}
	for name, text := range map[string]string{"gold.jsonl": gold.String(), "docs.jsonl": docs.String(), "writer.toml": writerConfig} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	var log bytes.Buffer
	if code := Run(context.Background(), Primer, IO{strings.NewReader(""), &log, &log}, []string{"tune", "--in", filepath.Join(dir, "gold.jsonl"),
		"--config", filepath.Join(dir, "writer.toml"), "--tokenizer", filepath.Join(in, "tokenizer.json"), "--out", filepath.Join(dir, "tune")}); code != exitDone {
		return "", fmt.Errorf("tune: exit %d: %s", code, &log)
	}
	return dir, nil
})

// synthesis is the command of the runs that are killed.
func synthesis(t testing.TB, out string, more ...string) *exec.Cmd {
	t.Helper()
	dir, err := writer()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command("synthesize", append([]string{"--model", filepath.Join(dir, "tune/checkpoints/step-150"), "--in", filepath.Join(dir, "docs.jsonl"),
		"--out", out, "--max-new-tokens", "64", "--temperature", "0.8", "--texts-per-shard", "30", "--in-flight", "8"}, more...)...)
}

// made is what a job has made: every chain to the letter, and every record but for the tokens that were found in the cache.
func made(t testing.TB, dir string) (chains []string, records []string) {
	t.Helper()
	for c, err := range data.Chains([]string{dir}, data.Options{Strict: true}) {
		if err != nil {
			t.Fatal(err)
		}
		line, err := c.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		chains = append(chains, string(line))
	}
	paths, err := filepath.Glob(filepath.Join(dir, "shards", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var r job.Record
		if err := json.Unmarshal(raw, &r); err != nil {
			t.Fatal(err)
		}
		r.Check, r.Stats.CachedIn = "", 0
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, string(line))
	}
	return chains, records
}

// alone is an uninterrupted run, made once.
var alone = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "primer-alone") })

// killSynthesis kills a job some times, each at another random moment, lets it finish, and compares with one that was left
// alone, text by text.
func killSynthesis(t *testing.T, kills int, seed uint64) {
	base, err := alone()
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(base, "whole")
	began := time.Now()
	if _, err := os.Stat(filepath.Join(whole, job.ManifestName)); err != nil {
		mustRun(t, synthesis(t, whole))
	}
	took := max(time.Since(began), 500*time.Millisecond)
	wantChains, wantRecords := made(t, whole)
	pairs := strings.Count(strings.Join(wantChains, ""), `"instruction"`)
	if len(wantRecords) != 14 || pairs < 400 {
		t.Fatalf("%d shards, %d pairs", len(wantRecords), pairs)
	}
	killed := filepath.Join(t.TempDir(), "killed")
	rng := rand.New(rand.NewPCG(seed, 0))
	early := 0
	for done := 0; done < kills; {
		cmd := synthesis(t, killed)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Half of the kills soon after the first new chain, half anywhere.
		wait := time.Duration(rng.Int64N(int64(took) / 4))
		if rng.IntN(2) == 0 {
			grown(t, killed)
			wait = time.Duration(rng.IntN(20_000)) * time.Microsecond
		}
		time.Sleep(wait)
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil { // it was done
			if early++; early > 3 && done > 0 {
				t.Logf("seed %d: %d kills, then it was done", seed, done)
				break
			}
			if err := os.RemoveAll(killed); err != nil {
				t.Fatal(err)
			}
			continue
		}
		done++
	}
	log := mustRun(t, synthesis(t, killed))
	if !strings.Contains(log, "the corpus is whole") {
		t.Errorf("seed %d: %s", seed, log)
	}
	chains, records := made(t, killed)
	if !slices.Equal(chains, wantChains) {
		t.Errorf("seed %d: %d chains, want %d, or others", seed, len(chains), len(wantChains))
	}
	if !slices.Equal(records, wantRecords) {
		t.Errorf("seed %d: records differ", seed)
	}
	once(t, chains)
	left, err := filepath.Glob(filepath.Join(killed, "*", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("seed %d: left behind %v, %v", seed, left, err)
	}
}

// grown waits until a job has more done than it had, or is whole.
func grown(t testing.TB, dir string) {
	t.Helper()
	size := func() (n int64) {
		records, _ := filepath.Glob(filepath.Join(dir, "shards", "*.json"))
		journals, _ := filepath.Glob(filepath.Join(dir, ".work", "*.log"))
		for _, p := range journals {
			if info, err := os.Stat(p); err == nil {
				n += info.Size()
			}
		}
		return n + int64(len(records))<<32
	}
	was := size()
	for end := time.Now().Add(time.Minute); size() <= was; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, job.ManifestName)); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing was done within a minute")
		}
	}
}

// once finds texts that are lost or doubled: every document stands there once, or all its pieces do, in order.
func once(t testing.TB, chains []string) {
	t.Helper()
	var got []string
	for _, line := range chains {
		var c data.Chain
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		for _, ex := range c.Examples {
			id, piece, _ := strings.Cut(ex.ID, "#")
			if piece == "" || piece == "1" {
				got = append(got, id)
			}
		}
	}
	var want []string
	for i := range 400 {
		want = append(want, fmt.Sprint("d", i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("documents %v", got)
	}
}

func TestAKilledSynthesisGoesOnTextByText(t *testing.T) { killSynthesis(t, 4, 1) }
