package durable_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

func put(content string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}
}

// The workload on the machine's own file system: every protocol works there, and nothing temporary is left.
func TestOnDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	w := newWorld(durable.OS)
	if err := w.run(3); err != nil {
		t.Fatal(err)
	}
	for path, s := range w.files {
		if got, err := os.ReadFile(path); err != nil || string(got) != s.acked {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	for path, s := range w.dirs {
		err := durable.VerifyDir(durable.OS, path)
		if s.acked && err != nil || !s.acked && !errors.Is(err, durable.ErrNoManifest) {
			t.Errorf("%s (%v): %v", path, s.acked, err)
		}
	}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(path, ".tmp") || strings.Contains(path, ".del") {
			t.Errorf("%s was left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestSum(t *testing.T) {
	path := t.TempDir() + "/x"
	sum, err := durable.WriteFileSum(durable.OS, path, put("abc"))
	want := durable.Sum{Bytes: 3, SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"} // FIPS 180
	if err != nil || sum != want {
		t.Errorf("%v, %v", sum, err)
	}
	if sum, err = durable.SumFile(durable.OS, path); err != nil || sum != want {
		t.Errorf("%v, %v", sum, err)
	}
}

// A writer that fails or panics leaves what was there.
func TestFailingWriter(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/x"
	planted := errors.New("planted")
	if err := durable.WriteFile(durable.OS, path, put("old")); err != nil {
		t.Fatal(err)
	}
	err := durable.WriteFile(durable.OS, path, func(w io.Writer) error { w.Write([]byte("new")); return planted })
	if !errors.Is(err, planted) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	panics(t, func() { durable.WriteFile(durable.OS, path, func(io.Writer) error { panic(planted) }) })
	panics(t, func() { durable.CommitDir(durable.OS, dir+"/d", func(*durable.Dir) error { panic(planted) }) })
	if err := durable.CommitDir(durable.OS, dir+"/d", func(*durable.Dir) error { return planted }); !errors.Is(err, planted) {
		t.Error(err)
	}
	if err := durable.CommitDir(durable.OS, path, func(*durable.Dir) error { return nil }); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("%q", got)
	}
}

func panics(t *testing.T, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Error("the panic was swallowed")
		}
	}()
	f()
}

func TestNamesInAFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"", ".", "..", "../x", "/etc/x", "a/../b", `a\b`, "a\x00b", "a/", "MANIFEST.json"} {
		err := durable.CommitDir(durable.OS, dir+"/d", func(tmp *durable.Dir) error { return tmp.WriteFile(name, put("")) })
		if err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
	for what, fill := range map[string]func(tmp *durable.Dir) error{
		"twice": func(tmp *durable.Dir) error {
			return errors.Join(tmp.WriteFile("a", put("")), tmp.WriteFile("a", put("")))
		},
		"open":  func(tmp *durable.Dir) error { _, err := tmp.Create("a"); return err },
		"after": func(tmp *durable.Dir) error { t.Cleanup(func() { after(t, tmp) }); return errors.New("planted") },
		"failed": func(tmp *durable.Dir) error {
			tmp.WriteFile("a", func(io.Writer) error { return errors.New("planted") }) // the error is dropped
			return nil
		},
	} {
		if err := durable.CommitDir(durable.OS, dir+"/d", fill); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left: %v", entries)
	}
}

func after(t *testing.T, tmp *durable.Dir) {
	if err := tmp.WriteFile("late", put("")); err == nil {
		t.Error("a file was written into a folder that is gone")
	}
}

// Two writers of one file do not meet: the last to commit wins, whole.
func TestTwoWriters(t *testing.T) {
	dir := t.TempDir()
	a, err1 := durable.Create(durable.OS, dir+"/x")
	b, err2 := durable.Create(durable.OS, dir+"/x")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for i := range 1000 {
		fmt.Fprintf(a, "a%d\n", i)
		fmt.Fprintf(b, "b%d\n", i)
	}
	sum, err := b.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := durable.SumFile(durable.OS, dir+"/x"); got != sum {
		t.Errorf("%v, %v", got, err)
	}
	sum, err = a.Commit()
	if got, _ := durable.SumFile(durable.OS, dir+"/x"); got != sum || err != nil {
		t.Error(err)
	}
	if _, err := a.Write(nil); !errors.Is(err, durable.ErrClosed) {
		t.Error(err)
	}
	if _, err := a.Commit(); !errors.Is(err, durable.ErrClosed) {
		t.Error(err)
	}
}

// A device that is full: the system's own error, the path named, the old content there.
func TestFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	path := t.TempDir() + "/x"
	err = durable.WriteFile(durable.OS, path, func(io.Writer) error {
		_, err := full.Write([]byte("x"))
		return err
	})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}

func TestRemoveTemporaries(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".x.tmp0", "x", ".x.tmp", ".hidden", "y.tmp1", ".x.tmp1x"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(dir+"/.step-1.del12/state/data", 0o777); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.Symlink(outside, dir+"/.step-1.del12/link"); err != nil {
		t.Fatal(err)
	}
	if err := durable.RemoveTemporaries(durable.OS, dir); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != ".hidden .x.tmp .x.tmp1x x y.tmp1" {
		t.Errorf("left: %s", got)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error("a link was followed")
	}
}

// A folder's files may be written side by side.
func TestFilesSideBySide(t *testing.T) {
	disk := crashfs.New()
	err := durable.CommitDir(disk, "d", func(tmp *durable.Dir) error {
		errs := make([]error, 16)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				errs[i] = tmp.WriteFile(fmt.Sprintf("part-%d/shard-%d", i%3, i), put(strings.Repeat("x", 1000*i)))
			})
		}
		wg.Wait()
		return errors.Join(errs...)
	})
	if err := errors.Join(err, durable.VerifyDir(disk, "d")); err != nil {
		t.Error(err)
	}
	if m, err := durable.ReadManifest(disk, "d"); err != nil || len(m.Files) != 16 || m.Files["part-2/shard-5"].Bytes != 5000 {
		t.Errorf("%v, %v", m, err)
	}
}

// Only what stands beside one name goes: not the name's, and not that of a longer one.
func TestRemoveTemporariesOf(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"x", ".x.tmp0", ".x.tmp1", ".x.del3", ".x.tmp", ".x.y.tmp0", ".xy.tmp0", ".y.tmp0", ".x.tmp0.tmp1"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.RemoveTemporariesOf(durable.OS, filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != ".x.tmp .x.tmp0.tmp1 .x.y.tmp0 .xy.tmp0 .y.tmp0 x" {
		t.Errorf("left: %s", got)
	}
}
