package durable_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// explore runs the workload and looks at every crash state of it; before may leave operations out.
func explore(rounds int, seeds uint64, before func(crashfs.Op) error) (*crashfs.Explorer, error) {
	e := &crashfs.Explorer{Disk: crashfs.New(), Seeds: seeds}
	w := newWorld(e.FS(before))
	e.Check = w.check
	w.ack = func(step string) { e.Look("the answer to " + step) }
	return e, w.run(rounds)
}

// Every crash state of the full protocol is good: nothing torn, nothing acknowledged lost.
func TestCrashStates(t *testing.T) {
	e, err := explore(10, 35, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	if e.States < 100_000 {
		t.Errorf("only %d states were seen", e.States)
	}
	t.Logf("%d states", e.States)
}

// Each kind of fsync is needed: the same enumeration sees that it was removed.
func TestRemovedFsyncIsCaught(t *testing.T) {
	base := func(op crashfs.Op) string { return filepath.Base(op.Path) }
	temporary := func(op crashfs.Op) bool { return strings.Contains(op.Path, ".tmp") }
	for name, removed := range map[string]func(op crashfs.Op) bool{
		"files":      func(op crashfs.Op) bool { return op.Kind == "sync" },
		"one file":   func(op crashfs.Op) bool { return op.Kind == "sync" && base(op) == ".text.tmp0" },
		"weights":    func(op crashfs.Op) bool { return op.Kind == "sync" && base(op) == "moments.bin" },
		"manifest":   func(op crashfs.Op) bool { return op.Kind == "sync" && base(op) == "MANIFEST.json" },
		"log":        func(op crashfs.Op) bool { return op.Kind == "sync" && base(op) == "metrics.jsonl" },
		"log rewind": func(op crashfs.Op) bool { return op.Kind == "sync" && base(op) == ".metrics.jsonl.tmp0" },
		"folders":    func(op crashfs.Op) bool { return op.Kind == "syncdir" && temporary(op) },
		"sub-folder": func(op crashfs.Op) bool { return op.Kind == "syncdir" && temporary(op) && base(op) == "data" },
		"parents":    func(op crashfs.Op) bool { return op.Kind == "syncdir" && !temporary(op) },
		"new parent": func(op crashfs.Op) bool { return op.Kind == "syncdir" && op.Path == "out" },
		"root":       func(op crashfs.Op) bool { return op.Kind == "syncdir" && op.Path == "." },
	} {
		left := 0
		e, err := explore(3, 40, func(op crashfs.Op) error {
			if removed(op) {
				left++
				return crashfs.ErrSkip
			}
			return nil
		})
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case left == 0:
			t.Errorf("%s: no fsync was left out", name)
		case e.Err == nil:
			t.Errorf("%s: %d fsyncs were removed and nothing was noticed in %d states", name, left, e.States)
		case !errors.Is(e.Err, errTorn) && !errors.Is(e.Err, errLost):
			t.Errorf("%s: %v", name, e.Err)
		}
	}
}
