//go:build slow

package curate

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// These tests run a curation in a process of its own, which is this test program again.
const (
	childDir = "CURATE_CHILD_DIR"
	childMB  = "CURATE_CHILD_MB"
	smallMB  = "CURATE_MB" // megabytes of the small corpus of TestMemoryIsBounded; the large one has ten times as much
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childMB)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child curates so many megabytes of invented documents, of which every tenth is a duplicate of one not far before, and one in
// thirty nearly one.
func child(dir, megabytes string) error {
	mb, err := strconv.ParseFloat(megabytes, 64)
	if err != nil {
		return err
	}
	set := Default()
	set.MemoryMiB = 8
	set.Stages = []string{NormaliseStage, QualityStage, ExactStage, NearStage, CleanStage}
	set.Quality.MaxWords = 0
	eval := filepath.Join(filepath.Dir(dir), "eval.jsonl")
	set.Decontaminate.Sets = []EvaluationSet{{Name: "e", Paths: []string{eval}}}
	_, err = Run(context.Background(), Options{Dir: dir, Settings: set, Source: source(megabytes, func(yield func(data.Document, error) bool) {
		w := newWriter(50)
		last := ""
		for i, bytes := 0, 0.0; bytes < mb*1e6; i++ {
			text := w.text(24)
			switch {
			case i%10 == 9:
				text = last
			case i%30 == 4:
				text = last + " And one more."
			}
			last = text
			bytes += float64(len(text))
			if !yield(document(i, text), nil) {
				return
			}
		}
	})})
	if err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM:") {
			fmt.Print(line)
		}
	}
	return nil
}

func command(t *testing.T, dir, mb string) *exec.Cmd {
	t.Helper()
	eval := filepath.Join(filepath.Dir(dir), "eval.jsonl")
	ex := data.Example{Document: data.Document{ID: "e", Text: newWriter(50).text(24)}}
	if _, err := data.WriteFile(durable.OS, eval, data.All([]data.Example{ex})); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childMB+"="+mb)
	cmd.Stderr = os.Stderr
	return cmd
}

// Ten times the corpus takes the same memory, within 5 %, at the same limits.
func TestMemoryIsBounded(t *testing.T) {
	// Minutes of work show 5 % (CURATE_MB=200); with less the garbage collector's moments weigh more, and growth shows all the same.
	mb, within := 2.0, 1.5
	if s := os.Getenv(smallMB); s != "" {
		var err error
		if mb, err = strconv.ParseFloat(s, 64); err != nil {
			t.Fatal(err)
		}
		within = 1.05
	}
	peak := func(mb float64) float64 {
		start := time.Now()
		dir := t.TempDir()
		cmd := command(t, filepath.Join(dir, "out"), fmt.Sprint(mb))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kb := 0.0
		for s := bufio.NewScanner(out); s.Scan(); {
			fmt.Sscanf(s.Text(), "VmHWM: %f kB", &kb)
		}
		if err := cmd.Wait(); err != nil || kb == 0 {
			t.Fatalf("%v, %v kB", err, kb)
		}
		used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		t.Logf("%g MB of text: peak %.1f MiB, %v, %v of processor time (%.1f MB/s each)", mb, kb/1024, time.Since(start).Round(time.Second), used.Round(time.Second), mb/used.Seconds())
		return kb / 1024
	}
	small, large := peak(mb), peak(10*mb)
	if !(large <= within*small) {
		t.Errorf("peak %.1f MiB, for ten times as much %.1f MiB", small, large)
	}
}

// A curation that is killed again and again ends in the same bytes as one that is not.
func TestKilled(t *testing.T) {
	const mb = "4"
	calm := filepath.Join(t.TempDir(), "out")
	began := time.Now()
	if err := command(t, calm, mb).Run(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	want, err := content(durable.OS, calm)
	if err != nil {
		t.Fatal(err)
	}
	delete(want, settingsName) // it names the evaluation set by its path
	r := rand.New(rand.NewPCG(51, 51))
	kills := 0
	for round := range 3 {
		dir := filepath.Join(t.TempDir(), "out")
		for try := 0; ; try++ {
			cmd := command(t, dir, mb)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			wait := took + time.Hour
			if try < 8 {
				wait = time.Duration(r.Int64N(int64(took)))
			}
			killer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
			err := cmd.Wait()
			killer.Stop()
			if err == nil {
				break
			}
			if cmd.ProcessState.Exited() {
				t.Fatalf("round %d, try %d: %v", round, try, err)
			}
			kills++
		}
		got, err := content(durable.OS, dir)
		if err != nil {
			t.Fatal(err)
		}
		delete(got, settingsName)
		for name := range got {
			if got[name] != want[name] {
				t.Errorf("round %d: %s is other", round, name)
			}
		}
		if len(got) != len(want) {
			t.Errorf("round %d: %d files, not %d", round, len(got), len(want))
		}
	}
	t.Logf("%d kills", kills)
	if kills < 6 {
		t.Errorf("only %d kills came in time", kills)
	}
}
