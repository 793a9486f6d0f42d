package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// Every operation of the workload fails once, with each error and, where it writes, also with half of the bytes written. Then:
// the error comes out and names the file, the world is as it was or as it shall be, also after a crash at once, nothing temporary
// is left unless removing it is what failed, and the same step succeeds when it is tried again.
func TestEveryOperationFailing(t *testing.T) {
	const rounds = 3
	total := 0
	if err := faulty(crashfs.New(), -1, nil, &total, nil).run(rounds); err != nil {
		t.Fatal(err)
	}
	if total < 100 {
		t.Fatalf("only %d operations", total)
	}
	cases := 0
	for n := range total {
		for _, fault := range []error{syscall.ENOSPC, crashfs.Half(syscall.ENOSPC), syscall.EIO} {
			if err := failOne(n, fault, rounds); err != nil {
				t.Fatalf("operation %d of %d, %v: %v", n, total, fault, err)
			}
			cases++
		}
	}
	t.Logf("%d faults", cases)
}

// faulty gives a world in which operation n fails; count counts them all.
func faulty(disk *crashfs.FS, n int, fault error, count *int, planted *crashfs.Op) *world {
	return newWorld(crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
		*count++
		if *count-1 == n {
			*planted = op
			return fmt.Errorf("planted at %s: %w", op, fault)
		}
		return nil
	}}))
}

func failOne(n int, fault error, rounds int) error {
	disk := crashfs.New()
	count, planted := 0, crashfs.Op{}
	w := faulty(disk, n, fault, &count, &planted)
	err := w.run(rounds)
	if err == nil {
		return fmt.Errorf("no error came out of %s", planted)
	}
	if !errors.Is(err, errors.Unwrap(fault)) && !errors.Is(err, fault) {
		return fmt.Errorf("another error came out: %w", err)
	}
	if !strings.Contains(err.Error(), "runs/a") && !strings.Contains(err.Error(), "out/") && !strings.Contains(err.Error(), "planted at") {
		return fmt.Errorf("the error does not name the file: %w", err)
	}
	for data := range 2 {
		for names := range 2 {
			if err := w.check(disk.Clone(crashfs.Crash{Data: float64(data), Names: float64(names)})); err != nil {
				return fmt.Errorf("after the fault: %w", err)
			}
		}
	}
	for _, left := range temporaries(disk, ".") {
		// What remains when a removal fails is a removal's to leave; a planted fault in Remove itself leaves the rest.
		removing := strings.Contains(left, ".del") && strings.Contains(err.Error(), "remove runs/")
		if !removing && planted.Kind != "remove" {
			return fmt.Errorf("%s left behind after %w", left, err)
		}
	}
	return w.goOn(disk)
}

// goOn is what a new process does: clean up and run again.
func (w *world) goOn(disk *crashfs.FS) error {
	for _, dir := range []string{"runs/a/checkpoints", "runs/a", "out"} {
		if err := durable.RemoveTemporaries(disk, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	again := newWorld(disk)
	for path := range w.dirs {
		if err := durable.RemoveDir(disk, path); err != nil {
			return err
		}
	}
	for path := range w.logs {
		if _, err := disk.Stat(path); err == nil {
			if err := disk.Remove(path); err != nil {
				return err
			}
		}
	}
	if err := again.run(1); err != nil {
		return fmt.Errorf("the next try: %w", err)
	}
	return again.check(disk)
}

// temporaries lists the names of unfinished things.
func temporaries(disk *crashfs.FS, dir string) (found []string) {
	entries, err := disk.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if strings.Contains(name, ".tmp") || strings.Contains(name, ".del") {
			found = append(found, name)
		} else if e.IsDir() {
			found = append(found, temporaries(disk, name)...)
		}
	}
	return found
}
