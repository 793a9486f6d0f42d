//go:build slow

package durable_test

import (
	"path"
	"testing"

	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// Every single fsync of the workload is needed: left out alone, the enumeration sees it. Two are for what it does not model: a
// file system may write an empty file's size late, and a log that is opened again may be that of a process that was killed.
func TestEverySingleFsyncIsNeeded(t *testing.T) {
	const rounds, seeds = 3, 6
	isSync := func(op crashfs.Op) bool { return op.Kind == "sync" || op.Kind == "syncdir" }
	total, reopened := 0, 0
	if _, err := explore(rounds, 1, func(op crashfs.Op) error {
		if isSync(op) {
			total++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := range total {
		seen, left := 0, crashfs.Op{}
		e, err := explore(rounds, seeds, func(op crashfs.Op) error {
			if !isSync(op) {
				return nil
			}
			if seen++; seen-1 != n {
				return nil
			}
			left = op
			return crashfs.ErrSkip
		})
		switch {
		case err != nil:
			t.Error(err)
		case e.Err != nil || left.Kind == "sync" && path.Base(left.Path) == "empty":
		case left.Kind == "syncdir" && left.Path == "runs/a":
			reopened++
		default:
			t.Errorf("fsync %d of %d, %s, is not needed: %d states", n, total, left, e.States)
		}
	}
	if reopened != rounds-1 {
		t.Errorf("%d fsyncs of the log's directory are not needed, of which %d are for a log opened again", reopened, rounds-1)
	}
	t.Logf("%d fsyncs", total)
}
