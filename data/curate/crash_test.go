package curate

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// few is a corpus that many crash states can be gone through with; every stage but the slow one drops something.
func few(t testing.TB) Options {
	t.Helper()
	src, sets := corpus(t)
	var list []data.Document
	for doc, err := range src.Documents(&data.Report{}) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, doc)
	}
	set := settingsFor(sets)
	set.Stages = []string{NormaliseStage, QualityStage, ExactStage, NearStage, CleanStage}
	set.Near.Verify = 0.3 // the way with most files
	return Options{Dir: "out", Settings: set, Source: docs("k", list[9:22]...), KeepDropped: true}
}

func start(t testing.TB, fsys durable.FS, opt Options) error {
	t.Helper()
	opt.FS = fsys
	_, err := Run(t.Context(), opt)
	return err
}

// sound tells whether a reader may believe what it finds: nothing whole but whole files, no record without them.
func sound(after *crashfs.FS, want map[string]string) error {
	files, err := content(after, "out")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for name, text := range files {
		if strings.Contains(name, ".tmp") || strings.HasPrefix(name, ".work") {
			continue
		}
		if text != want[name] {
			return fmt.Errorf("%w: %s holds %.60q, not %.60q", errTorn, name, text, want[name])
		}
		if stage, ok := strings.CutPrefix(name, "records/"); ok {
			rec, err := readRecord(after, "out", strings.TrimSuffix(stage, ".json"))
			if err == nil {
				err = rec.verify(after, "out")
			}
			if err != nil {
				return fmt.Errorf("%w: %w", errTorn, err)
			}
		}
	}
	return nil
}

var (
	errTorn = errors.New("torn")
	errLost = errors.New("lost")
)

func sameFiles(fsys durable.FS, want map[string]string) error {
	got, err := content(fsys, "out")
	if err != nil {
		return err
	}
	for name := range got {
		if got[name] != want[name] {
			return fmt.Errorf("%s is other", name)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d files, not %d", len(got), len(want))
	}
	return nil
}

func whole(t testing.TB, opt Options) map[string]string {
	t.Helper()
	clean := crashfs.New()
	if err := start(t, clean, opt); err != nil {
		t.Fatal(err)
	}
	want, err := content(clean, "out")
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// explore runs a curation on a disk that crashes after each operation: every state is sound, what was answered stays, and of every
// resume-th state a new start makes the same bytes.
func explore(t testing.TB, seeds uint64, resume int, before func(crashfs.Op) error) (*crashfs.Explorer, error) {
	t.Helper()
	opt := few(t)
	want := whole(t, opt)
	e := &crashfs.Explorer{Disk: crashfs.New(), Seeds: seeds}
	e.Check = func(after *crashfs.FS) error {
		if err := sound(after, want); err != nil || resume == 0 || e.States%resume != 0 {
			return err
		}
		if err := start(t, after, opt); err != nil {
			return fmt.Errorf("the next start: %w", err)
		}
		return sameFiles(after, want)
	}
	err := start(t, e.FS(before), opt)
	if err == nil {
		done := e.Check
		e.Check = func(after *crashfs.FS) error {
			if err := sameFiles(after, want); err != nil {
				return fmt.Errorf("%w: %w", errLost, err)
			}
			return done(after)
		}
		e.Look("the answer")
	}
	return e, err
}

func TestCrashStates(t *testing.T) {
	seeds, resume := uint64(2), 97
	if thorough {
		seeds, resume = 6, 23
	}
	e, err := explore(t, seeds, resume, nil)
	if err == nil {
		err = e.Err
	}
	if err != nil {
		t.Fatal(err)
	}
	if e.States < 700 {
		t.Errorf("only %d states were seen", e.States)
	}
	t.Logf("%d states", e.States)
}

// The fsyncs are needed: without each kind the same enumeration sees what is wrong.
func TestRemovedFsyncIsCaught(t *testing.T) {
	for _, folder := range []string{"stages", "dropped", "hits", "records"} {
		left := 0
		e, err := explore(t, 2, 0, func(op crashfs.Op) error {
			if op.Kind == "sync" && strings.Contains(op.Path, "/"+folder+"/.") {
				left++
				return crashfs.ErrSkip
			}
			return nil
		})
		switch {
		case err != nil:
			t.Errorf("%s: %v", folder, err)
		case left == 0:
			t.Errorf("%s: no fsync was left out", folder)
		case !errors.Is(e.Err, errTorn) && !errors.Is(e.Err, errLost):
			t.Errorf("%s: %d fsyncs were removed: %v in %d states", folder, left, e.Err, e.States)
		}
	}
}

// Every operation fails once, the disk full or, halfway through a write, broken: the error comes out, what stands is sound, nothing
// temporary is in the way, and the same command goes on to the same bytes.
func TestEveryOperationFailing(t *testing.T) {
	opt := few(t)
	want := whole(t, opt)
	total := 0
	run := func(disk *crashfs.FS, n int, fault error) error {
		count := 0
		err := start(t, crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
			if count++; count-1 == n {
				return fmt.Errorf("planted at %s: %w", op, fault)
			}
			return nil
		}}), opt)
		total = max(total, count)
		return err
	}
	if err := run(crashfs.New(), -1, nil); err != nil {
		t.Fatal(err)
	}
	stride := 7
	if thorough {
		stride = 1
	}
	for n := 0; n < total; n += stride {
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
		if err := sameFiles(disk, want); err != nil {
			t.Fatalf("operation %d of %d, %v: %v", n, total, fault, err)
		}
	}
	t.Logf("%d operations", total)
}
