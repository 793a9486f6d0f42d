package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// tuning is a set of the golden files of a role; converted collects the datasets that a start converts.
func tuning(t testing.TB, fsys durable.FS, out, root string, role Role) (set *Build, converted *[]string) {
	t.Helper()
	found, missing, err := Locate(root, role)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	set = &Build{FS: fsys, Out: out, Root: root, Sources: found, Missing: missing, Options: Options{Limit: 2}, Progress: func(name string, n int64) {
		if n == 1 {
			names = append(names, name)
		}
	}}
	return set, &names
}

// tree reads a whole folder.
func tree(fsys durable.FS, dir string) (map[string]string, error) {
	out := map[string]string{}
	entries, err := fsys.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.IsDir() {
			sub, err := tree(fsys, path)
			if err != nil {
				return nil, err
			}
			maps.Copy(out, sub)
			continue
		}
		sum, err := durable.SumFile(fsys, path)
		if err != nil {
			return nil, err
		}
		out[path] = sum.SHA256
	}
	return out, err
}

func sameTree(fsys durable.FS, dir string, want map[string]string) error {
	got, err := tree(fsys, dir)
	if err == nil && !maps.Equal(got, want) {
		err = fmt.Errorf("other files than those of a start left alone:\n%v\n%v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	return err
}

// get reads a file, put writes one over it, or removes it where there is no content.
func get(t *testing.T, fsys durable.FS, path string) []byte {
	t.Helper()
	f, err := fsys.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func put(t *testing.T, fsys durable.FS, path string, content []byte) {
	t.Helper()
	err := fsys.Remove(path)
	if err == nil && content != nil {
		err = durable.WriteFile(fsys, path, func(w io.Writer) error { _, err := w.Write(content); return err })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A start that is interrupted after any number of datasets goes on behind them, to the same bytes.
func TestTuningGoesOn(t *testing.T) {
	root := goldenFolder(t, Tuning)
	disk, out := crashfs.New(), "out"
	set, all := tuning(t, disk, out, root, Tuning)
	if _, err := set.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want, err := tree(disk, out)
	if err != nil || len(*all) != 34 {
		t.Fatal(len(*all), err)
	}
	disk = crashfs.New()
	var whole []string
	for n := 0; len(whole) < 34; n += 8 {
		set, names := tuning(t, disk, out, root, Tuning)
		ctx, cancel := context.WithCancel(context.Background())
		count := set.Progress
		set.Progress = func(name string, n int64) {
			if count(name, n); len(*names) == 8 {
				cancel()
			}
		}
		_, err := set.Run(ctx)
		cancel()
		if _, stat := disk.Stat(filepath.Join(out, "train")); (stat == nil) != (err == nil) {
			t.Fatalf("%v, but train: %v", err, stat)
		}
		if err == nil {
			whole = append(whole, *names...)
			break
		}
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), fmt.Sprintf("%d of 34 datasets are done", n+8)) {
			t.Fatal(err)
		}
		whole = append(whole, (*names)[:8]...)
	}
	if !slices.Equal(whole, *all) {
		t.Errorf("converted %v, in all %v", whole, *all)
	}
	if err := sameTree(disk, out, want); err != nil {
		t.Error(err)
	}
}

// What is damaged or gone is made again, alone, to the same bytes; so is what has other files or options.
func TestTuningMendsAndRedoes(t *testing.T) {
	root := goldenFolder(t, HeldOut)
	disk, out := crashfs.New(), "out"
	build := func(change func(*Build)) string {
		t.Helper()
		set, names := tuning(t, disk, out, root, HeldOut)
		if change != nil {
			change(set)
		}
		if _, err := set.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		return strings.Join(*names, " ")
	}
	if got := build(nil); got != "socialiqa textbookqa wikiwhy fever" {
		t.Fatal(got)
	}
	want, err := tree(disk, out)
	if err != nil {
		t.Fatal(err)
	}
	if got := build(nil); got != "" {
		t.Errorf("nothing has changed, and %s was converted", got)
	}
	for name, again := range map[string]string{"train/wikiwhy.jsonl": "wikiwhy", "records/fever.json": "fever", "tuning.json": ""} {
		path := filepath.Join(out, name)
		raw := get(t, disk, path)
		damages := map[string][]byte{"gone": nil, "empty": {}, "cut": raw[:len(raw)/2], "longer": append(slices.Clone(raw), '\n')}
		for bit := 0; bit < 8*len(raw); bit += 8 * len(raw) / 40 {
			b := slices.Clone(raw)
			b[bit/8] ^= 1 << (bit % 8)
			damages[fmt.Sprintf("bit %d", bit)] = b
		}
		for what, b := range damages {
			put(t, disk, path, b)
			if got := build(nil); got != again {
				t.Errorf("%s %s: converted %q", name, what, got)
			}
			if err := sameTree(disk, out, want); err != nil {
				t.Fatalf("%s %s: %v", name, what, err)
			}
		}
	}
	// A file that is touched, one that is added beside, other options: what they decide is converted again.
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(root, "FEVER", "train.jsonl"), later, later); err != nil {
		t.Fatal(err)
	}
	if got := build(nil); got != "fever" {
		t.Errorf("touched: %s", got)
	}
	if err := os.WriteFile(filepath.Join(root, "WikiWhy", "more.json"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := build(nil); got != "wikiwhy" {
		t.Errorf("added: %s", got)
	}
	if got := build(func(s *Build) { s.Options.NoThought = true }); got != "socialiqa textbookqa wikiwhy fever" {
		t.Errorf("other options: %s", got)
	}
}

// A folder of something else, of another split, or with datasets that are not there any more, is not touched.
func TestTuningOther(t *testing.T) {
	root := goldenFolder(t, HeldOut)
	out := filepath.Join(t.TempDir(), "out")
	set, _ := tuning(t, durable.OS, out, root, HeldOut)
	if _, err := set.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want, err := tree(durable.OS, out)
	if err != nil {
		t.Fatal(err)
	}
	for says, change := range map[string]func(){
		"split dev does not have":       func() { set.Options.Split = Dev },
		"holds socialiqa.json":          func() { set.Sources = set.Sources[1:] },
		"has no folder records":         func() { set.Out = t.TempDir(); os.Mkdir(filepath.Join(set.Out, "train"), 0o755) },
		"which a tuning set of split":   func() { set.Out = root },
		"no dataset was given":          func() { set.Out, set.Sources = filepath.Join(t.TempDir(), "x"), nil },
		"holds fever.jsonl.part, which": func() { os.WriteFile(filepath.Join(out, "train", "fever.jsonl.part"), nil, 0o644) },
	} {
		old := *set
		change()
		_, err := set.Run(context.Background())
		if !errors.Is(err, ErrOther) && !errors.Is(err, data.ErrEmpty) || !strings.Contains(err.Error(), says) && !strings.Contains(err.Error(), "holds socialiqa") {
			t.Errorf("%s: %v", says, err)
		}
		*set = old
		os.Remove(filepath.Join(out, "train", "fever.jsonl.part"))
		if err := sameTree(durable.OS, out, want); err != nil {
			t.Errorf("%s: %v", says, err)
		}
	}
	lock, err := durable.OS.Lock(filepath.Join(out, lockName))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := set.Run(context.Background()); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("while another works: %v", err)
	}
}

// A dataset that fails is named, the others are done, nothing half is left, and when it is mended the set becomes what it
// would have been.
func TestTuningFailureOfOne(t *testing.T) {
	root := goldenFolder(t, HeldOut)
	clean := filepath.Join(t.TempDir(), "clean")
	set, _ := tuning(t, durable.OS, clean, root, HeldOut)
	if _, err := set.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want, err := tree(durable.OS, clean)
	if err != nil {
		t.Fatal(err)
	}
	fever, labels := filepath.Join(root, "FEVER", "train.jsonl"), filepath.Join(root, "SocialIQA")
	info, err := os.Stat(fever)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(fever)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(fever, []byte("{\"id\":1,\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(labels, labels+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(labels, 0o755); err != nil { // a folder without the dataset's files
		t.Fatal(err)
	}
	if err := os.Rename(clean, clean+".away"); err != nil {
		t.Fatal(err)
	}
	_, err = set.Run(context.Background())
	if !errors.Is(err, data.ErrEmpty) || !errors.Is(err, data.ErrNoFile) || !strings.Contains(err.Error(), "2 of 4 datasets failed, 2 are done") ||
		!strings.Contains(err.Error(), "\nfever: ") || !strings.Contains(err.Error(), ": socialiqa: ") {
		t.Errorf("%v", err)
	}
	if left, err := set.list(filepath.Join(clean, ".train")); err != nil || !slices.Equal(left, []string{"textbookqa.jsonl", "wikiwhy.jsonl"}) {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(clean, TuningManifest)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a manifest of a set that is not whole: %v", err)
	}
	err = errors.Join(os.Remove(labels), os.Rename(labels+".away", labels), os.WriteFile(fever, whole, 0o644), os.Chtimes(fever, info.ModTime(), info.ModTime()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := sameTree(durable.OS, clean, want); err != nil {
		t.Error(err)
	}
}

// Every crash state of a build is sound, and a new start makes of it what one that was left alone makes.
func TestTuningCrashStates(t *testing.T) {
	root := goldenFolder(t, HeldOut)
	clean := crashfs.New()
	set, _ := tuning(t, clean, "out", root, HeldOut)
	if _, err := set.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want, err := tree(clean, "out")
	if err != nil {
		t.Fatal(err)
	}
	e := &crashfs.Explorer{Disk: crashfs.New(), Seeds: 4}
	e.Check = func(after *crashfs.FS) error {
		got, err := tree(after, "out")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for name, sum := range got {
			if strings.Contains(name, ".tmp") {
				continue
			}
			if name = strings.Replace(name, ".train", "train", 1); sum != want[name] {
				return fmt.Errorf("%s is torn", name)
			}
		}
		if _, whole := got["out/tuning.json"]; whole && !maps.Equal(got, want) {
			return fmt.Errorf("the manifest stands beside %v", slices.Sorted(maps.Keys(got)))
		}
		if e.States%11 != 0 {
			return nil
		}
		next, _ := tuning(t, after, "out", root, HeldOut)
		if _, err := next.Run(context.Background()); err != nil {
			return fmt.Errorf("the next start: %w", err)
		}
		return sameTree(after, "out", want)
	}
	set, _ = tuning(t, e.FS(nil), "out", root, HeldOut)
	if _, err := set.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if e.Err != nil || e.States < 300 {
		t.Errorf("%d states: %v", e.States, e.Err)
	}
	t.Logf("%d states", e.States)
}

// Every operation fails once, the disk full or broken: the error comes out, and the same command goes on to the same bytes.
func TestTuningEveryOperationFailing(t *testing.T) {
	root := goldenFolder(t, HeldOut)
	total := 0
	run := func(disk *crashfs.FS, n int, fault error) error {
		count := 0
		set, _ := tuning(t, crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
			if count++; count-1 == n {
				return fmt.Errorf("planted at %s: %w", op, fault)
			}
			return nil
		}}), "out", root, HeldOut)
		var notes []error // what was read in vain and made again
		set.Note = func(format string, args ...any) { notes = append(notes, fmt.Errorf(format, args...)) }
		_, err := set.Run(context.Background())
		total = max(total, count)
		if told := errors.Join(notes...); err == nil && n >= 0 {
			return told
		}
		return err
	}
	clean := crashfs.New()
	if err := run(clean, -1, nil); err != nil {
		t.Fatal(err)
	}
	want, err := tree(clean, "out")
	if err != nil {
		t.Fatal(err)
	}
	for n := range total {
		disk := crashfs.New()
		fault := [...]error{syscall.ENOSPC, crashfs.Half(syscall.EIO)}[n%2]
		if err := run(disk, n, fault); err == nil || !strings.Contains(err.Error(), "planted at") {
			t.Fatalf("operation %d of %d, %v: the error was %v", n, total, fault, err)
		}
		if err := run(disk, -1, nil); err != nil {
			t.Fatalf("operation %d of %d, %v: the next start: %v", n, total, fault, err)
		}
		if err := sameTree(disk, "out", want); err != nil {
			t.Fatalf("operation %d of %d, %v: %v", n, total, fault, err)
		}
	}
	t.Logf("%d operations", total)
}
