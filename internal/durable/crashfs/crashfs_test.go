package crashfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, fsys *FS, path string) string {
	t.Helper()
	f, err := fsys.Open(path)
	must(t, err)
	b, err := io.ReadAll(f)
	must(t, err, f.Close())
	return string(b)
}

func tree(t *testing.T, fsys *FS, dir string) (names []string) {
	t.Helper()
	entries, err := fsys.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Two synced names, one renamed and one file written since: what may come of it is exactly this.
func TestWhatACrashLeaves(t *testing.T) {
	f := New()
	a, err := f.Create("a")
	must(t, err)
	_, err = a.Write([]byte("0123456789"))
	must(t, err, a.Sync(), f.SyncDir("."))
	must(t, f.Rename("a", "b"), f.Mkdir("d"))
	_, err = a.Write([]byte("abcdefghij"))
	must(t, err)
	if f.Settled() {
		t.Error("settled, with changes not synced")
	}

	if none := f.Clone(Crash{}); strings.Join(tree(t, none, "."), " ") != "a" || text(t, none, "a") != "0123456789" {
		t.Error("nothing unsynced survives at 0")
	}
	if all := f.Clone(Crash{Data: 1, Names: 1}); strings.Join(tree(t, all, "."), " ") != "b d" || text(t, all, "b") != "0123456789abcdefghij" {
		t.Error("all survives at 1")
	}
	names, contents := map[string]bool{}, map[string]bool{}
	for seed := range uint64(2000) {
		c := f.Clone(Crash{Data: 0.5, Names: 0.5, Seed: seed})
		list := tree(t, c, ".")
		names[strings.Join(list, " ")] = true
		got := text(t, c, list[0])
		contents[got] = true
		if !strings.HasPrefix(got, "0123456789") {
			t.Fatalf("synced data changed: %q", got)
		}
		if again := f.Clone(Crash{Data: 0.5, Names: 0.5, Seed: seed}); text(t, again, list[0]) != got {
			t.Fatal("a seed gives two states")
		}
	}
	if len(names) != 4 || !names["a"] || !names["b"] || !names["a d"] || !names["b d"] {
		t.Errorf("names %v", names)
	}
	zeros := strings.Repeat("\x00", 10)
	for _, want := range []string{"0123456789", "0123456789abcdefghij", "0123456789abc", "0123456789" + zeros, "0123456789" + zeros[:4]} {
		if !contents[want] {
			t.Errorf("%q was never seen in %d contents", want, len(contents))
		}
	}
	holes := 0
	for c := range contents {
		if i := strings.Index(c, "\x00"); i > 0 && strings.ContainsAny(c[i:], "abcdefghij") {
			holes++
		}
	}
	if holes == 0 {
		t.Error("no content has a hole with data after it")
	}
}

// What happens in a clone is not seen in the original, and the other way round.
func TestClonesShareNothing(t *testing.T) {
	f := New()
	file, err := f.Create("a")
	must(t, err)
	_, err = file.Write([]byte("old"))
	must(t, err)
	c := f.Clone(Crash{Data: 1, Names: 1})
	g, err := c.OpenAppend("a")
	must(t, err)
	_, err1 := g.Write([]byte("+clone"))
	_, err2 := file.Write([]byte("+original"))
	must(t, err1, err2, c.Mkdir("d"), g.Truncate(7))
	if a, b := text(t, f, "a"), text(t, c, "a"); a != "old+original" || b != "old+clo" {
		t.Errorf("%q and %q", a, b)
	}
	if _, err := f.Stat("d"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	f := New()
	must(t, f.Mkdir("d"), f.Mkdir("d/e"))
	file, err := f.Create("d/f")
	must(t, err, file.Close())
	_, openDir := f.Open("d")
	_, create := f.Create("d/f")
	_, missing := f.Open("d/none")
	_, under := f.Create("d/f/g")
	_, list := f.ReadDir("d/f")
	_, closed := file.Write(nil)
	for i, c := range []struct{ got, want error }{
		{openDir, syscall.EISDIR}, {create, fs.ErrExist}, {missing, fs.ErrNotExist}, {under, syscall.ENOTDIR}, {list, syscall.ENOTDIR},
		{closed, fs.ErrClosed}, {f.Remove("d"), syscall.ENOTEMPTY}, {f.Mkdir("x/y"), fs.ErrNotExist}, {f.Rename("d/f", "d/e"), syscall.ENOTDIR},
		{f.SyncDir("x"), fs.ErrNotExist},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%d: %v, want %v", i, c.got, c.want)
		}
	}
	if err := f.Rename("d/f", "f"); err == nil {
		t.Error("renamed into another directory")
	}
}

func TestLock(t *testing.T) {
	f := New()
	lock, err := f.Lock("l")
	must(t, err)
	if _, err := f.Lock("l"); !errors.Is(err, durable.ErrLocked) {
		t.Error(err)
	}
	after, err := f.Clone(Crash{Data: 1, Names: 1}).Lock("l")
	must(t, err, after.Close(), lock.Close())
	_, err = f.Lock("l")
	must(t, err)
}

// Hooks see, fail, halve and skip.
func TestWrap(t *testing.T) {
	f := New()
	var seen bytes.Buffer
	var fault error
	w := Wrap(f, Hooks{
		Before: func(op Op) error { return fault },
		After:  func(op Op) { seen.WriteString(op.String() + ";") },
	})
	file, err := w.Create("a")
	must(t, err)
	fault = Half(syscall.ENOSPC)
	if n, err := file.Write([]byte("12345678")); n != 4 || !errors.Is(err, syscall.ENOSPC) || text(t, f, "a") != "1234" {
		t.Errorf("%d, %v", n, err)
	}
	fault = ErrSkip
	must(t, file.Sync())
	if f.Settled() {
		t.Error("a skipped sync synced")
	}
	fault = nil
	must(t, file.Sync(), w.SyncDir("."))
	if !f.Settled() || seen.String() != "create a;sync a;syncdir .;" {
		t.Error(seen.String())
	}
}
