package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// small is a corpus that many crash states can be gone through with: three shards.
const small = 10

var (
	errTorn = errors.New("torn")
	errLost = errors.New("lost")
)

// explore runs a job on a disk that crashes after each operation: in every state, every record must have its file, with the
// right bytes, what was reported as done must be there, and with resume a new start must end in the same bytes.
func explore(t testing.TB, seeds uint64, resume int, before func(crashfs.Op) error) (*crashfs.Explorer, error) {
	t.Helper()
	clean := crashfs.New()
	if _, err := start(context.Background(), t, clean, &model{}, data.All(corpus(small)), 0, 1); err != nil {
		t.Fatal(err)
	}
	want, err := content(clean, "out")
	if err != nil {
		t.Fatal(err)
	}
	e := &crashfs.Explorer{Disk: crashfs.New(), Seeds: seeds}
	e.Check = func(after *crashfs.FS) error {
		if err := sound(after, want); err != nil {
			return err
		}
		if resume == 0 || e.States%resume != 0 {
			return nil
		}
		if _, err := start(context.Background(), t, after, &model{}, data.All(corpus(small)), 0, 1); err != nil {
			return fmt.Errorf("the next start: %w", err)
		}
		got, err := content(after, "out")
		if err == nil {
			err = same(got, want)
		}
		return err
	}
	fsys := e.FS(before)
	res, err := start(context.Background(), t, fsys, &model{}, data.All(corpus(small)), 0, 1)
	if err == nil && res.Whole { // what was answered stays, whatever comes
		done := e.Check
		e.Check = func(after *crashfs.FS) error {
			got, err := content(after, "out")
			if err == nil {
				err = same(got, want)
			}
			if err != nil {
				return fmt.Errorf("%w: %w", errLost, err)
			}
			return done(after)
		}
		e.Look("the answer")
	}
	return e, err
}

// sound looks at what a reader may find: no record without its file, nothing whole but whole files.
func sound(after *crashfs.FS, want map[string]string) error {
	for n := range int64(3) {
		_, err := readRecord(after, "out", n, true)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", errTorn, err)
		}
	}
	files, err := content(after, "out")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for name, text := range files {
		if !strings.Contains(path.Base(name), ".tmp") && text != want[name] {
			return fmt.Errorf("%w: %s holds %.60q, not %.60q", errTorn, name, text, want[name])
		}
	}
	return nil
}

// Every crash state of a job is sound, and a new start makes of it what an uninterrupted one makes.
func TestCrashStates(t *testing.T) {
	e, err := explore(t, 6, 23, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Err != nil {
		t.Fatal(e.Err)
	}
	if e.States < 2000 {
		t.Errorf("only %d states were seen", e.States)
	}
	t.Logf("%d states", e.States)
}

// The fsyncs are needed: without each kind the same enumeration sees what is wrong.
func TestRemovedFsyncIsCaught(t *testing.T) {
	in := func(op crashfs.Op, folder string) bool { return strings.Contains(op.Path, "/"+folder+"/.") }
	for name, removed := range map[string]func(op crashfs.Op) bool{
		"chains":   func(op crashfs.Op) bool { return op.Kind == "sync" && in(op, chainsName) },
		"records":  func(op crashfs.Op) bool { return op.Kind == "sync" && in(op, recordsName) },
		"names":    func(op crashfs.Op) bool { return op.Kind == "syncdir" && path.Base(op.Path) == chainsName },
		"manifest": func(op crashfs.Op) bool { return op.Kind == "sync" && strings.Contains(op.Path, ManifestName) },
		"settings": func(op crashfs.Op) bool { return op.Kind == "sync" && strings.Contains(op.Path, settingsName) },
	} {
		left := 0
		e, err := explore(t, 6, 0, func(op crashfs.Op) error {
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
		case !errors.Is(e.Err, errTorn) && !errors.Is(e.Err, errLost):
			t.Errorf("%s: %d fsyncs were removed: %v in %d states", name, left, e.Err, e.States)
		}
	}
}

// Every operation fails once, the disk full or, halfway through a write, broken: the error comes out, what stands is sound,
// and the same command goes on to the same bytes.
func TestEveryOperationFailing(t *testing.T) {
	total := 0
	run := func(disk *crashfs.FS, n int, fault error) error {
		count := 0
		_, err := start(context.Background(), t, crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
			if count++; count-1 == n {
				return fmt.Errorf("planted at %s: %w", op, fault)
			}
			return nil
		}}), &model{}, data.All(corpus(small)), 0, 1)
		total = max(total, count)
		return err
	}
	clean := crashfs.New()
	if err := run(clean, -1, nil); err != nil {
		t.Fatal(err)
	}
	want, err := content(clean, "out")
	if err != nil {
		t.Fatal(err)
	}
	for n := range total {
		fault := [...]error{syscall.ENOSPC, crashfs.Half(syscall.EIO)}[n%2]
		disk := crashfs.New()
		err := run(disk, n, fault)
		if err == nil || !strings.Contains(err.Error(), "planted at") {
			t.Fatalf("operation %d of %d, %v: the error was %v", n, total, fault, err)
		}
		if err := sound(disk, want); err != nil {
			t.Fatalf("operation %d of %d, %v: %v", n, total, fault, err)
		}
		if err := run(disk, -1, nil); err != nil {
			t.Fatalf("operation %d of %d, %v: the next start: %v", n, total, fault, err)
		}
		got, err := content(disk, "out")
		if err == nil {
			err = same(got, want)
		}
		if err != nil {
			t.Fatalf("operation %d of %d, %v: %v", n, total, fault, err)
		}
	}
	t.Logf("%d operations", total)
}

// A journal that two processes wrote to, because a file system does not lock, is read as one; a gap or a damaged line is made
// again.
func TestOddJournals(t *testing.T) {
	var lines []string
	stopped := crashfs.New()
	if _, err := start(context.Background(), t, crashfs.Wrap(stopped, crashfs.Hooks{Before: func(op crashfs.Op) error {
		if op.Kind == "create" && strings.Contains(op.Path, "/"+chainsName+"/") { // the journal is whole, the shard not begun
			return errPlanted
		}
		return nil
	}}), &model{}, data.All(corpus(small)), 0, 1); !errors.Is(err, errPlanted) {
		t.Fatal(err)
	}
	if err := durable.ReadLog(stopped, "out/.work/00000.log", func(line []byte) error { lines = append(lines, string(line)); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	clean := crashfs.New()
	if _, err := start(context.Background(), t, clean, &model{}, data.All(corpus(small)), 0, 1); err != nil {
		t.Fatal(err)
	}
	want, _ := content(clean, "out")
	for name, journal := range map[string]string{
		"twice":   lines[0] + "\n" + lines[1] + "\n" + lines[0] + "\n" + lines[1] + "\n" + lines[2] + "\n",
		"torn":    lines[0] + "\n" + lines[1][:50],
		"gap":     lines[0] + "\n" + lines[2] + "\n",
		"damaged": lines[0] + "\n" + strings.Replace(lines[1], `"n":1`, `"n":x`, 1) + "\n" + lines[2] + "\n",
		"zeros":   lines[0] + "\n\x00\x00\x00\x00",
		"empty":   "",
	} {
		disk := crashfs.New()
		if _, err := settle(disk, "out", settings.With(synthesizer(t, &model{}).Options())); err != nil {
			t.Fatal(err)
		}
		if err := writeText(disk, "out/.work/00000.log", journal); err != nil {
			t.Fatal(err)
		}
		if _, err := start(context.Background(), t, disk, &model{}, data.All(corpus(small)), 0, 1); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := content(disk, "out")
		if err == nil {
			err = same(got, want)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
