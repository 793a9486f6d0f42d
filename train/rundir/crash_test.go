package rundir

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// The training of these tests: a loss and a content that the step alone decides, as in a real run.
const (
	lastStep  = 7
	saveEvery = 2
)

var testConfig = []byte("steps = 7\nrate = 3e-4\n")

func loss(step int64) float64 { return 5 / (float64(step) + 0.1) }

func content(step int64) string { return strings.Repeat(fmt.Sprintf("moments of step %d;", step), 4) }

func fill(step int64) func(*durable.Dir) error {
	return func(tmp *durable.Dir) error {
		for _, name := range []string{"model.safetensors", "state/moments"} {
			err := tmp.WriteFile(name, func(w io.Writer) error {
				_, err := io.WriteString(w, content(step))
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// load checks what a checkpoint holds.
func load(fsys durable.FS) func(Checkpoint) error {
	return func(c Checkpoint) error {
		f, err := fsys.Open(filepath.Join(c.Dir, "state", "moments"))
		if err != nil {
			return err
		}
		b, err := io.ReadAll(f)
		if err == nil && string(b) != content(c.Step) {
			err = fmt.Errorf("%s holds %q", c.Dir, b)
		}
		return errors.Join(err, f.Close())
	}
}

// resume opens the run, goes back to its newest checkpoint and begins.
func resume(fsys durable.FS) (*Run, Loaded, error) {
	run, err := Open("runs/a", testConfig, Options{FS: fsys, Keep: 1})
	if err != nil {
		return nil, Loaded{}, err
	}
	loaded, err := run.LoadNewest(load(fsys))
	if err == nil {
		err = run.Begin(loaded.Step)
	}
	if err != nil {
		return nil, loaded, errors.Join(err, run.Close())
	}
	return run, loaded, nil
}

// train goes on to the last step; saved is told each acknowledged checkpoint.
func train(fsys durable.FS, saved func(step int64)) error {
	run, loaded, err := resume(fsys)
	if err != nil {
		return err
	}
	for step := loaded.Step + 1; step <= lastStep && err == nil; step++ {
		err = run.LogStep(Step{Step: step, Loss: loss(step), Tokens: 64, Seconds: 0.5, Extra: []Value{{"rate", 3e-4}}})
		if err == nil && (step%saveEvery == 0 || step == lastStep) {
			if err = run.SaveCheckpoint(step, fill(step)); err == nil {
				saved(step)
			}
		}
	}
	if err == nil {
		err = run.SetStatus(Status{State: Finished, Step: lastStep})
	}
	return errors.Join(err, run.Close())
}

// metricsAre checks that the steps 1 to last stand in the metrics, each once, in order, with their losses.
func metricsAre(fsys durable.FS, last int64) error {
	next := int64(1)
	err := ReadMetrics(fsys, "runs/a", func(s Step) error {
		if s.Step != next || s.Loss != loss(s.Step) {
			return fmt.Errorf("%w: step %d where %d was expected, loss %v", errMetrics, s.Step, next, s.Loss)
		}
		next++
		return nil
	})
	if err == nil && next != last+1 {
		err = fmt.Errorf("%w: steps up to %d, not %d", errMetrics, next-1, last)
	}
	return err
}

var (
	errMetrics = errors.New("metrics")
	errLost    = errors.New("an acknowledged checkpoint is lost")
)

// explore trains, and after every operation looks at every crash state: a new process finds the newest acknowledged checkpoint or
// a later one, undamaged, and the metrics up to it; now and then it also trains to the end.
func explore(seeds uint64, before func(crashfs.Op) error) (*crashfs.Explorer, error) {
	acked := int64(0)
	e := &crashfs.Explorer{Disk: crashfs.New(), Seeds: seeds}
	e.Check = func(disk *crashfs.FS) error {
		run, loaded, err := resume(disk)
		if err != nil {
			return err
		}
		if loaded.Step < acked {
			return fmt.Errorf("%w: step %d was, %d was found", errLost, acked, loaded.Step)
		}
		if len(loaded.Skipped) > 0 {
			return fmt.Errorf("a damaged checkpoint was left: %w", loaded.Skipped[0].Err)
		}
		if err := errors.Join(run.Close(), metricsAre(disk, loaded.Step)); err != nil {
			return err
		}
		if e.States%40 != 0 {
			return nil
		}
		return errors.Join(train(disk, func(int64) {}), metricsAre(disk, lastStep))
	}
	return e, train(e.FS(before), func(step int64) {
		acked = step
		e.Look(fmt.Sprintf("the answer to saving step %d", step))
	})
}

func TestCrashStates(t *testing.T) {
	e, err := explore(12, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	if e.States < 5000 {
		t.Errorf("only %d states", e.States)
	}
	t.Logf("%d states", e.States)
}

// Without one of these fsyncs the enumeration fails: the order in which a checkpoint is saved is held by them.
func TestRemovedFsyncIsCaught(t *testing.T) {
	for name, removed := range map[string]func(crashfs.Op) bool{
		"metrics before the checkpoint": func(op crashfs.Op) bool { return op.Kind == "sync" && filepath.Base(op.Path) == metricsName },
		"weights":                       func(op crashfs.Op) bool { return op.Kind == "sync" && filepath.Base(op.Path) == "model.safetensors" },
		"sub-folder":                    func(op crashfs.Op) bool { return op.Kind == "syncdir" && filepath.Base(op.Path) == "state" },
		"checkpoints":                   func(op crashfs.Op) bool { return op.Kind == "syncdir" && filepath.Base(op.Path) == checkpointsDir },
		"run":                           func(op crashfs.Op) bool { return op.Kind == "syncdir" && op.Path == "runs/a" },
	} {
		left := 0
		e, err := explore(12, func(op crashfs.Op) error {
			if removed(op) {
				left++
				return crashfs.ErrSkip
			}
			return nil
		})
		if err != nil || left == 0 || e.Err == nil {
			t.Errorf("%s: %d fsyncs removed, %d states: %v, %v", name, left, e.States, err, e.Err)
		}
	}
}

// Every operation of a run fails once: the error comes out, and the next process trains to the same end.
func TestEveryOperationFailing(t *testing.T) {
	total := 0
	count := func(crashfs.Op) error { total++; return nil }
	if err := train(crashfs.Wrap(crashfs.New(), crashfs.Hooks{Before: count}), func(int64) {}); err != nil {
		t.Fatal(err)
	}
	for n := range total {
		disk, seen, acked, at := crashfs.New(), 0, int64(0), crashfs.Op{}
		planted := errors.New("planted")
		err := train(crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
			seen++
			if seen-1 == n {
				at = op
				return crashfs.Half(planted)
			}
			return nil
		}}), func(step int64) { acked = step })
		if !errors.Is(err, planted) {
			t.Fatalf("operation %d of %d, %s: %v", n, total, at, err)
		}
		for _, after := range []*crashfs.FS{disk.Clone(crashfs.Crash{Data: 1, Names: 1}), disk.Clone(crashfs.Crash{})} {
			run, loaded, err := resume(after)
			if err != nil || loaded.Step < acked {
				t.Fatalf("operation %d of %d, %s: step %d was acknowledged, %d found, %v", n, total, at, acked, loaded.Step, err)
			}
			if err := errors.Join(run.Close(), train(after, func(int64) {}), metricsAre(after, lastStep)); err != nil {
				t.Fatalf("operation %d of %d, %s: %v", n, total, at, err)
			}
		}
	}
	t.Logf("%d operations", total)
}
