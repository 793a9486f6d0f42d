package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/primer-lm/primer/synth/job"
)

// Ctrl-C keeps what is done, says so with the exit code that schedulers know, and the same command goes on.
func TestInterruptedSynthesisGoesOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	for try := 0; ; try++ {
		cmd := synthesis(t, dir)
		var log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		grown(t, dir)
		if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if err == nil && try < 20 { // it had finished before
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || !strings.Contains(log.String(), "texts are done and kept in "+dir+"; the same command goes on") {
			t.Fatalf("%v: %s", err, &log)
		}
		break
	}
	if log := mustRun(t, synthesis(t, dir)); !strings.Contains(log, "the corpus is whole") {
		t.Error(log)
	}
	chains, _ := made(t, dir)
	once(t, chains)
}

// The same part started twice at once, as Kubernetes may: the two share the work, or one says that the other is at it.
func TestTheSamePartTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "job")
	logs := make([]string, 3)
	errs := make([]error, len(logs))
	var work sync.WaitGroup
	for i := range logs {
		cmd := synthesis(t, dir)
		work.Go(func() {
			out, err := cmd.CombinedOutput()
			logs[i], errs[i] = string(out), err
		})
	}
	work.Wait()
	for i, err := range errs {
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || !strings.Contains(logs[i], "written by other processes")) {
			t.Errorf("%v: %s", err, logs[i])
		}
	}
	mustRun(t, synthesis(t, dir))
	base, err := alone()
	if err != nil {
		t.Fatal(err)
	}
	whole := filepath.Join(base, "whole")
	if _, err := os.Stat(filepath.Join(whole, job.ManifestName)); err != nil {
		mustRun(t, synthesis(t, whole))
	}
	got, records := made(t, dir)
	want, wantRecords := made(t, whole)
	if !slices.Equal(got, want) || !slices.Equal(records, wantRecords) {
		t.Errorf("%d chains, want %d, or others", len(got), len(want))
	}
}
