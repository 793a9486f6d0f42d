package gpu

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels/cuda"
)

// deviceUnderTest is the stand-in under tags "cuda emulator", and the CPU without: the runner is the same.
func deviceUnderTest() string {
	if cuda.Built {
		return "cuda:0"
	}
	return "cpu"
}

// conformancePassed is what a test binary prints that passes.
const conformancePassed = `echo "=== RUN   TestConformance"; echo "--- PASS: TestConformance (0.1s)"; echo PASS`

// sanitizerClean is a compute-sanitizer that runs the program and finds nothing.
const sanitizerClean = `tool=$2; shift 4; "$@" || exit 1
case $tool in memcheck) echo "========= ERROR SUMMARY: 0 errors";; *) echo "========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)";; esac`

// runCheck runs the program in a folder with the given conformance tests and compute-sanitizer (scripts; "" for none), and without
// a Python, and returns its exit code, the files it wrote, and the summary.
func runCheck(t *testing.T, conformance, sanitizer string, args ...string) (code int, files []string, summary string) {
	t.Helper()
	folder, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	script := func(name, text string) {
		if text == "" {
			return
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script("conformance", conformance)
	script("compute-sanitizer", sanitizer)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append([]string{"--folder", folder, "--out", out, "--shapes", "tiny", "--device", deviceUnderTest()}, args...)...)
	cmd.Env = append(os.Environ(), programVariable+"=1", "PATH="+folder+":"+os.Getenv("PATH"))
	said, err := cmd.CombinedOutput()
	t.Logf("%s", said)
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, e.Name())
	}
	text, err := os.ReadFile(filepath.Join(out, summaryFile))
	if err != nil {
		t.Fatal(err)
	}
	checkRecords(t, filepath.Join(out, recordsFile))
	return cmd.ProcessState.ExitCode(), files, string(text)
}

func checkRecords(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		var r Record
		if err := json.Unmarshal(line, &r); err != nil || r.Kind == "" || r.Step == "" || r.Side == "" {
			t.Errorf("record %s: %v", line, err)
		}
	}
}

// The whole check without PyTorch: all of ours is measured, the peers are said to be missing, and the exit code says so.
func TestWholeCheckWithoutPeers(t *testing.T) {
	code, files, summary := runCheck(t, conformancePassed, sanitizerClean)
	if want := []string{"conformance.txt", "memcheck.txt", "racecheck.txt", recordsFile, summaryFile}; code != exitFailed || !slices.Equal(files, want) {
		t.Errorf("exit code %d, files %q", code, files)
	}
	says := "Stand-in, times mean nothing"
	if !cuda.Built {
		says = "Device cpu is no GPU"
	}
	want := []string{says, "1 of 1 tests passed", "| memcheck | compute-sanitizer memcheck, every op on small shapes | passed |",
		"peer: no Python was found", "| train tiny | training tiny | passed |", "peer missing", "| generate tiny | prefill and decode of tiny | passed |",
		"| tiny | shared | 2 | 36 |", "| tiny | decode | 2 | 20 |"}
	for _, name := range opNames() {
		want = append(want, "| "+name+" | tiny |")
	}
	for _, w := range want {
		if !strings.Contains(summary, w) {
			t.Errorf("the summary has no %q", w)
		}
	}
	if strings.ContainsAny(summary, "✓✗") {
		t.Error("targets are marked though nothing ran on a GPU")
	}
	if t.Failed() {
		t.Log(summary)
	}
}

// A part runs its own steps only; with all of them passed the exit code is 0.
func TestPart(t *testing.T) {
	code, files, summary := runCheck(t, "", "", "--part", "decode")
	if code != exitDone || !slices.Equal(files, []string{recordsFile, summaryFile}) || strings.Contains(summary, "conformance") {
		t.Errorf("exit code %d, files %q, summary\n%s", code, files, summary)
	}
}
