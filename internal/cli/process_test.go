package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// steps of the runs that are killed: saved every 5.
const killSteps = 40

// command is a run with everything on that has to survive: several micro-batches, dropout, checkpoints.
func command(t testing.TB, out string, more ...string) *exec.Cmd {
	t.Helper()
	in, err := models()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--in", filepath.Join(in, "docs.jsonl"), "--config", filepath.Join(in, "small.toml"),
		"--tokenizer", filepath.Join(in, "tokenizer.json"), "--out", out, "--shards", filepath.Join(in, "killed.shards"),
		"--steps", "40", "--save-every", "5", "--micro-tokens", "64", "--dropout", "0.1"}
	return exec.Command("pretrain", append(args, more...)...)
}

func mustRun(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

var stepLine = regexp.MustCompile(`^\{"step":(\d+),"loss":([^,]+),`)

// curve is the step and loss of every line of metrics, to the character.
func curve(t testing.TB, dir string) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []string
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if m := stepLine.FindStringSubmatch(scan.Text()); m != nil {
			out = append(out, m[1]+" "+m[2])
		}
	}
	return out
}

func weights(t testing.TB, dir string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "checkpoints", "step-40", "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// wait ends when a run has logged a number of steps.
func wait(t testing.TB, dir string, lines int) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
		if err == nil && bytes.Count(raw, []byte("\n")) >= lines {
			return
		}
	}
	t.Fatalf("no %d steps within three minutes", lines)
}

func TestAKilledRunGoesOnBitForBit(t *testing.T) { killAndGoOn(t, 4, 1) }

// killAndGoOn kills a run some times, each at another random moment, lets it finish, and compares with one that was left alone.
func killAndGoOn(t *testing.T, kills int, seed uint64) {
	whole, killed := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "killed")
	mustRun(t, command(t, whole))
	want := curve(t, whole)
	if len(want) != killSteps {
		t.Fatalf("%d steps logged", len(want))
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	for n := range kills {
		cmd := command(t, killed)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wait(t, killed, min(n*8+rng.IntN(6), killSteps-4))
		time.Sleep(time.Duration(rng.IntN(4000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Logf("seed %d: kill %d came too late", seed, n)
		}
	}
	log := mustRun(t, command(t, killed))
	if !strings.Contains(log, "going on from step") && !strings.Contains(log, "nothing to do") {
		t.Errorf("seed %d: it began anew: %s", seed, log)
	}
	if got := curve(t, killed); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("seed %d: losses differ:\n%v\n%v", seed, got, want)
	}
	if !bytes.Equal(weights(t, killed), weights(t, whole)) {
		t.Errorf("seed %d: other weights", seed)
	}
}

// Ctrl-C finishes the step, saves and says how to go on; the same command goes on to the same losses.
func TestInterruptSavesAndGoesOn(t *testing.T) {
	whole, cut := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "cut")
	mustRun(t, command(t, whole))
	var out, log bytes.Buffer
	var exit *exec.ExitError
	for try := 0; ; try++ {
		cmd := command(t, cut, "--save-every", "0")
		out, log = bytes.Buffer{}, bytes.Buffer{}
		cmd.Stdout, cmd.Stderr = &out, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		wait(t, cut, 3)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if err == nil && try < 20 { // it had finished before
			cut += "-again"
			continue
		}
		if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
			t.Fatalf("%v\n%s", err, &log)
		}
		break
	}
	if !strings.Contains(log.String(), "the same command goes on") || out.Len() != 0 {
		t.Errorf("stdout %q, stderr %s", &out, &log)
	}
	raw, err := os.ReadFile(filepath.Join(cut, "status.json"))
	if err != nil || !strings.Contains(string(raw), `"interrupted"`) || !strings.Contains(string(raw), "75") {
		t.Errorf("status.json: %s, %v", raw, err)
	}
	mustRun(t, command(t, cut))
	if got, want := curve(t, cut), curve(t, whole); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("losses differ:\n%v\n%v", got, want)
	}
}

// Two processes in one run directory: the second is refused and the first does not notice.
func TestTwoProcessesOnOneRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first := command(t, dir, "--steps", "100000", "--save-every", "0")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	defer first.Wait()
	defer first.Process.Kill()
	wait(t, dir, 2)
	out, err := command(t, dir, "--steps", "100000", "--save-every", "0").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailure || !strings.Contains(string(out), "locked") || !strings.Contains(string(out), dir) {
		t.Errorf("%v: %s", err, out)
	}
	if err := first.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the first run died: %v", err)
	}
}

// An interrupted synthesis leaves nothing half written.
func TestInterruptedSynthesisWritesNothing(t *testing.T) {
	in, err := models()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command("synthesize", "--model", folder(t, "tune"), "--in", "-", "--out", filepath.Join(dir, "out.jsonl"), "--max-new-tokens", "4", "--show", "1")
	feed, err := cmd.StdinPipe() // open to the end: the run waits for more
	if err != nil {
		t.Fatal(err)
	}
	messages, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(in, "docs.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Write(raw); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(messages)
	if first, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(first, "synthesize ") { // pairs have come out
		t.Fatalf("%q, %v", first, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	log, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || !strings.Contains(string(log), "was not written") {
		t.Errorf("%v: %s", err, log)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A full disk fails the save with its name, and the last good checkpoint stands.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small file system can be mounted here: %v: %s", err, out)
	}
	cmd := command(t, filepath.Join(dir, "run"), "--steps", "12", "--save-every", "4")
	path, err := exec.LookPath("pretrain")
	if err != nil {
		t.Fatal(err)
	}
	script := `mount -t tmpfs -o size=700k tmpfs "$0" && "$@"; code=$?; ls "$0/run/checkpoints"; exit $code`
	args := append([]string{"--user", "--map-root-user", "--mount", "sh", "-c", script, dir, path}, cmd.Args[1:]...)
	out, err := exec.Command("unshare", args...).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitFailure || !strings.Contains(string(out), "no space left on device") ||
		!strings.Contains(string(out), "step-4") {
		t.Errorf("%v: %s", err, out)
	}
}
