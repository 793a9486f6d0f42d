package durable_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// Every single flipped bit and every truncation of every file of a folder, the manifest too, is noticed.
func TestVerifySeesEveryFlipAndCut(t *testing.T) {
	disk := crashfs.New()
	w := newWorld(disk)
	if err := w.commitDir("d", "content"); err != nil {
		t.Fatal(err)
	}
	cases := 0
	expect := func(what, name string, at int) {
		t.Helper()
		cases++
		if err := durable.VerifyDir(disk, "d"); !errors.Is(err, durable.ErrDamaged) {
			t.Fatalf("%s of %s at %d: %v", what, name, at, err)
		}
	}
	for _, name := range []string{"MANIFEST.json", "config.json", "state/moments.bin", "state/data/position"} {
		whole, err := read(disk, "d/"+name)
		if err != nil || whole == "" {
			t.Fatal(name, err)
		}
		for bit := range len(whole) * 8 {
			b := []byte(whole)
			b[bit/8] ^= 1 << (bit % 8)
			overwrite(t, disk, "d/"+name, b)
			expect("flip", name, bit)
		}
		for size := range len(whole) {
			overwrite(t, disk, "d/"+name, []byte(whole[:size]))
			expect("cut", name, size)
		}
		overwrite(t, disk, "d/"+name, []byte(whole+"\n"))
		expect("one byte more", name, len(whole))
		overwrite(t, disk, "d/"+name, []byte(whole))
	}
	if err := durable.VerifyDir(disk, "d"); err != nil {
		t.Fatal("the whole folder:", err)
	}
	t.Logf("%d cases", cases)
}

// Every flipped bit and every cut of a sealed record is noticed, and so is a file that is not as its sum says.
func TestSealed(t *testing.T) {
	type record struct {
		Name  string         `json:"name"`
		Count map[string]int `json:"count"`
		Check string         `json:"check"`
	}
	disk, want := crashfs.New(), record{Name: "<a>", Count: map[string]int{"b": 2, "a": 1}}
	if err := durable.WriteSealed(disk, "r.json", &want, &want.Check); err != nil {
		t.Fatal(err)
	}
	whole, err := read(disk, "r.json")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := durable.SumFile(disk, "r.json")
	if err != nil {
		t.Fatal(err)
	}
	look := func() (record, error) {
		var r record
		err := durable.ReadSealed(disk, "r.json", &r, &r.Check)
		return r, err
	}
	if got, err := look(); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := durable.VerifyFile(disk, "r.json", sum); err != nil {
		t.Fatal(err)
	}
	var damaged []string
	for bit := range len(whole) * 8 {
		b := []byte(whole)
		b[bit/8] ^= 1 << (bit % 8)
		damaged = append(damaged, string(b))
	}
	for size := range len(whole) {
		damaged = append(damaged, whole[:size])
	}
	for _, text := range append(damaged, whole+"\n") {
		overwrite(t, disk, "r.json", []byte(text))
		if _, err := look(); !errors.Is(err, durable.ErrDamaged) {
			t.Fatalf("%q: %v", text, err)
		}
		if err := durable.VerifyFile(disk, "r.json", sum); !errors.Is(err, durable.ErrDamaged) {
			t.Fatalf("%q: %v", text, err)
		}
	}
	for range 2 { // the second time there is nothing
		if err := durable.Remove(disk, "r.json"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := look(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a record that is not there: %v", err)
	}
	if err := durable.VerifyFile(disk, "r.json", sum); !errors.Is(err, durable.ErrDamaged) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// overwrite changes a file without any protocol.
func overwrite(t *testing.T, disk *crashfs.FS, path string, content []byte) {
	t.Helper()
	f, err := disk.OpenAppend(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(dir string) error
		want  error
		text  string
	}{
		"a missing manifest": {func(d string) error { return os.Remove(d + "/MANIFEST.json") }, durable.ErrNoManifest, ""},
		"a missing file":     {func(d string) error { return os.Remove(d + "/config.json") }, durable.ErrDamaged, "config.json"},
		"a foreign file":     {func(d string) error { return os.WriteFile(d+"/state/x", nil, 0o666) }, durable.ErrDamaged, "state/x"},
		"a link": {func(d string) error {
			return errors.Join(os.Rename(d+"/config.json", d+"/../c"), os.Symlink("../c", d+"/config.json"))
		}, durable.ErrDamaged, "neither a file"},
		"a pipe": {func(d string) error {
			return errors.Join(os.Remove(d+"/config.json"), syscall.Mkfifo(d+"/config.json", 0o666))
		}, durable.ErrDamaged, "neither a file"},
		"a path upwards": {func(d string) error {
			return os.WriteFile(d+"/MANIFEST.json", []byte(`{"version":1,"files":{"../x":{"bytes":0,"sha256":""}}}`), 0o666)
		}, durable.ErrDamaged, "../x"},
		"a later version": {func(d string) error {
			return os.WriteFile(d+"/MANIFEST.json", []byte(`{"version":2,"files":{}}`), 0o666)
		}, durable.ErrDamaged, "version 2"},
		"no folder": {func(d string) error { return os.Rename(d, d+"x") }, durable.ErrNoManifest, ""},
	} {
		t.Chdir(t.TempDir())
		w := newWorld(durable.OS)
		if err := w.commitDir("d", "content"); err != nil {
			t.Fatal(err)
		}
		if err := c.spoil("d"); err != nil {
			t.Fatal(err)
		}
		err := durable.VerifyDir(durable.OS, "d")
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), filepath.FromSlash(c.text)) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Large folders are hashed side by side; the first damaged file by name is told.
func TestVerifyLargeFolder(t *testing.T) {
	disk := crashfs.New()
	large := make([]byte, 12<<20)
	err := durable.CommitDir(disk, "d", func(tmp *durable.Dir) error {
		for _, name := range []string{"a", "b", "c"} {
			err := tmp.WriteFile(name, func(w io.Writer) error { _, err := w.Write(large); return err })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, durable.VerifyDir(disk, "d")); err != nil {
		t.Fatal(err)
	}
	large[7<<20] = 1
	overwrite(t, disk, "d/c", large)
	overwrite(t, disk, "d/b", large)
	if err := durable.VerifyDir(disk, "d"); !errors.Is(err, durable.ErrDamaged) || !strings.HasPrefix(err.Error(), filepath.Join("d", "b")) {
		t.Error(err)
	}
}
