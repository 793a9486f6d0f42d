//go:build cuda && emulator

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/synth"
)

// onBoth runs a command on the CPU and on the GPU that the stand-in driver makes of the emulator, and returns what each wrote to
// standard output.
func onBoth(t *testing.T, args ...string) (cpu, gpu string) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	run := func(device string) string {
		var out, log bytes.Buffer
		if code := Run(context.Background(), Primer, IO{strings.NewReader(""), &out, &log}, append(args, "--device", device)); code != exitDone {
			t.Fatalf("%v on %s: exit %d: %s", args, device, code, &log)
		}
		return out.String()
	}
	return run("cpu"), run("cuda:0")
}

// alike compares JSON values: numbers within a relative error, everything else exactly.
func alike(a, b any, tolerance float64) error {
	switch x := a.(type) {
	case float64:
		if y, ok := b.(float64); !ok || !(math.Abs(x-y) <= tolerance*max(1, math.Abs(x))) {
			return fmt.Errorf("%v and %v", a, b)
		}
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return fmt.Errorf("%v and %v", a, b)
		}
		for k := range x {
			if err := alike(x[k], y[k], tolerance); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return fmt.Errorf("%v and %v", a, b)
		}
		for i := range x {
			if err := alike(x[i], y[i], tolerance); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
	default:
		if a != b {
			return fmt.Errorf("%v and %v", a, b)
		}
	}
	return nil
}

// values reads JSON values one behind the other.
func values(t *testing.T, text string) (out []any) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var v any
		if err := d.Decode(&v); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		out = append(out, v)
	}
}

// write puts a file into a folder and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every way to evaluate gives the CPU's numbers within rounding, in f32.
func TestEvaluateOnTheDevice(t *testing.T) {
	dir, pretrained, tuned := t.TempDir(), folder(t, "pretrain"), folder(t, "tune")
	docs := write(t, dir, "docs.jsonl", `{"id":"a","text":"The town of Kalomir lies by the river Bor."}
{"id":"b","text":"Join joins any number of path elements."}
`)
	requests := write(t, dir, "requests.jsonl", `{"prompt_ids":[1,15],"continuation_ids":[7,8]}
{"prompt":"The town of ","continuation":"Kalomir"}
`)
	items := write(t, dir, "items.jsonl", `{"id":"1","prompt":"The river is","options":["long","short"],"answer":0,"kind":"rivers"}
{"id":"2","prompt":"The hill is","options":["high","low"],"answer":1}
`)
	gold := write(t, dir, "gold.jsonl", `{"id":"a","text":"The town of Kalomir lies by the river Bor.","pairs":[{"instruction":"Where does Kalomir lie?","response":"By the river Bor."}]}
`)
	for _, args := range [][]string{
		{"evaluate", "perplexity", "--model", pretrained, "--in", docs, "--json"},
		{"evaluate", "choice", "--model", pretrained, "--in", items, "--json"},
		{"evaluate", "score", "--model", pretrained, "--in", requests},
		{"evaluate", "synth", "--model", tuned, "--in", gold, "--max-new-tokens", "8", "--json"},
	} {
		cpu, gpu := onBoth(t, args...)
		if err := alike(values(t, cpu), values(t, gpu), 1e-4); err != nil || cpu == "" {
			t.Errorf("%v: CPU and GPU differ: %v\n%s\n%s", args[:2], err, cpu, gpu)
		}
	}
	cpu, gpu := onBoth(t, "evaluate", "perplexity", "--model", pretrained, "--in", docs, "--math", "bf16", "--json")
	if err := alike(values(t, cpu), values(t, gpu), 0.01); err != nil {
		t.Errorf("perplexity in bf16: %v", err)
	}
}

// What the synthesizer writes on the device is what it writes on the CPU in f32, greedy and sampled: to the character, since no
// two tokens of this model are equally probable within rounding. Chains side by side write what they do one by one.
func TestSynthesizeOnTheDevice(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	docs := []data.Document{{ID: "a", Text: "The town of Kalomir lies by the river Bor."}, {ID: "b", Text: "Join joins any number of path elements."},
		{ID: "c", Text: "The tags <CON> and </QUE> stand in this text, and </s> too."}}
	written := func(device string, inFlight int, rounds synth.RoundOptions) (texts []string) {
		rounds.Rounds, rounds.MaxNewTokens = 1, 12
		s, err := synth.Open(context.Background(), folder(t, "tune"), synth.Device(device), synth.Rounds(rounds), synth.InFlight(inFlight))
		if err != nil {
			t.Fatal(err)
		}
		for a, err := range s.Run(context.Background(), data.All(docs)) {
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range a.Texts {
				texts = append(texts, text.Written)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return texts
	}
	greedy := written("cpu", 3, synth.RoundOptions{})
	for _, inFlight := range []int{1, 3} {
		if got := written("cuda:0", inFlight, synth.RoundOptions{}); !slices.Equal(got, greedy) || len(got) != len(docs) || got[0] == "" {
			t.Errorf("%d in flight: greedy %q, on the CPU %q", inFlight, got, greedy)
		}
	}
	sampling := synth.RoundOptions{Temperature: 0.7, TopP: 0.9, Seed: 5}
	sampled := written("cpu", 3, sampling)
	if got := written("cuda:0", 3, sampling); !slices.Equal(got, sampled) || slices.Equal(got, greedy) {
		t.Errorf("sampled %q, on the CPU %q; greedy %q", got, sampled, greedy)
	}
	few := write(t, t.TempDir(), "few.jsonl", `{"id":"a","text":"The town of Kalomir lies by the river Bor."}`+"\n")
	cpu, gpu := onBoth(t, "synthesize", "--model", folder(t, "tune"), "--in", few, "--out", "-", "--max-new-tokens", "4")
	if cpu != gpu || cpu == "" {
		t.Errorf("the command on the CPU:\n%s\non the GPU:\n%s", cpu, gpu)
	}
}
