package durable_test

import (
	"errors"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

func TestLogRepairsItsEnd(t *testing.T) {
	for _, c := range []struct {
		name, content, kept string
		damaged             bool
	}{
		{"whole", "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":2}\n", false},
		{"empty", "", "", false},
		{"torn", "{\"a\":1}\n{\"a\":", "{\"a\":1}\n", false},
		{"torn before its newline", "{\"a\":1}\n{\"a\":2}", "{\"a\":1}\n", false},
		{"only a torn line", "{\"a", "", false},
		{"zeros at the end", "{\"a\":1}\n\x00\x00\x00\x00", "{\"a\":1}\n", false},
		{"a hole and lines after it", "{\"a\":1}\n{\"a\x00\x00\x00\n{\"a\":4}\n", "{\"a\":1}\n", false},
		{"a flipped bit in the middle", "{\"a\":1}\n{\"a\":2]\n{\"a\":3}\n", "", true},
		{"an empty line", "{\"a\":1}\n\n{\"a\":3}\n", "", true},
		{"long lines", "[\"" + strings.Repeat("x", 70_000) + "\"]\n", "[\"" + strings.Repeat("x", 70_000) + "\"]\n", false},
	} {
		path := t.TempDir() + "/log.jsonl"
		if err := os.WriteFile(path, []byte(c.content), 0o666); err != nil {
			t.Fatal(err)
		}
		l, err := durable.OpenLog(durable.OS, path)
		if c.damaged {
			if !errors.Is(err, durable.ErrDamaged) || !strings.Contains(err.Error(), "line 2") {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := l.Dropped(); got != int64(len(c.content)-len(c.kept)) {
			t.Errorf("%s: dropped %d bytes", c.name, got)
		}
		if err := errors.Join(l.Append(map[string]int{"b": 9}), l.Close()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got, _ := os.ReadFile(path); string(got) != c.kept+"{\"b\":9}\n" {
			t.Errorf("%s: %.80q", c.name, got)
		}
	}
}

// A write that fails half-way leaves no half line, and the log goes on.
func TestLogTakesAHalfLineBack(t *testing.T) {
	disk := crashfs.New()
	fail := false
	l, err := durable.OpenLog(crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
		if fail && op.Kind == "write" {
			return crashfs.Half(syscall.ENOSPC)
		}
		return nil
	}}), "log")
	if err != nil {
		t.Fatal(err)
	}
	add := func(n int) error { return l.Append(map[string]int{"n": n}) }
	if err := add(1); err != nil {
		t.Fatal(err)
	}
	fail = true
	if err := add(2); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "log") {
		t.Error(err)
	}
	fail = false
	if err := errors.Join(add(3), l.Close()); err != nil {
		t.Fatal(err)
	}
	if got, _ := read(disk, "log"); got != "{\"n\":1}\n{\"n\":3}\n" {
		t.Errorf("%q", got)
	}
}

// After a failed fsync nothing is called safe any more.
func TestLogFailedFsyncSticks(t *testing.T) {
	fail := false
	l, err := durable.OpenLog(crashfs.Wrap(crashfs.New(), crashfs.Hooks{Before: func(op crashfs.Op) error {
		if fail && op.Kind == "sync" {
			fail = false // the next would succeed
			return syscall.EIO
		}
		return nil
	}}), "log")
	if err != nil {
		t.Fatal(err)
	}
	l.SyncEvery(2)
	if err := l.Append(1); err != nil {
		t.Fatal(err)
	}
	fail = true
	if err := l.Append(2); !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	for _, err := range []error{l.Append(3), l.Sync(), l.Rewind(nil), l.Close()} {
		if !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
	}
}

func TestLogRefuses(t *testing.T) {
	path := t.TempDir() + "/log"
	l, err := durable.OpenLog(durable.OS, path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(math.NaN()); err == nil {
		t.Error("NaN is no JSON")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for _, err := range []error{l.Append(1), l.Sync(), l.Close()} {
		if !errors.Is(err, durable.ErrClosed) {
			t.Error(err)
		}
	}
}
