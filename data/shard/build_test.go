package shard

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
)

// uneven takes a time for each text that has nothing to do with its place, so that batches end out of order.
type uneven struct {
	bytesTok
	texts atomic.Int64
}

func (u *uneven) EncodePlain(text string) ([]int32, error) {
	u.texts.Add(1)
	if len(text)%97 == 0 {
		time.Sleep(time.Duration(len(text)%7) * time.Millisecond)
	}
	return u.bytesTok.EncodePlain(text)
}

// some gives n units of varied lengths; every seventh has tokens and a mask of its own.
func some(n int) []Unit {
	rng := rand.New(rand.NewPCG(1, 2))
	units := make([]Unit, n)
	for i := range units {
		if i%7 == 3 {
			units[i] = Unit{Tokens: []int32{1, int32(i % 200), 2}, Mask: []uint8{0, 1, uint8(i % 2)}}
			continue
		}
		units[i] = Unit{Text: strings.Repeat(string(rune('a'+i%26)), rng.IntN(400))}
	}
	return units
}

// content reads all files of a folder.
func content(fsys durable.FS, dir string) (map[string]string, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, e := range entries {
		f, err := fsys.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		files[e.Name()] = string(b)
	}
	return files, nil
}

func same(got, want map[string]string) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d files, want %d", len(got), len(want))
	}
	for name, text := range want {
		if got[name] != text {
			return fmt.Errorf("%s differs", name)
		}
	}
	return nil
}

// made builds units on a clean disk.
func made(t testing.TB, units []Unit, opt Options) map[string]string {
	t.Helper()
	disk := crashfs.New()
	if _, err := Build(disk, "c", bytesTok{vocab: 300}, seq(units...), opt); err != nil {
		t.Fatal(err)
	}
	files, err := content(disk, "c")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// The bytes do not depend on how many goroutines made them.
func TestAnyNumberOfWorkers(t *testing.T) {
	units := some(5000)
	opt := Options{ShardTokens: 90_000, Mask: true, Workers: 1}
	want := made(t, units, opt)
	if len(want) < 8 {
		t.Fatalf("only %d files", len(want))
	}
	for _, opt.Workers = range []int{0, 2, 3, 16} {
		disk := crashfs.New()
		enc := &uneven{bytesTok: bytesTok{vocab: 300}}
		last := int64(0)
		opt.Progress = func(units, _ int64) { last = units }
		if _, err := Build(disk, "c", enc, seq(units...), opt); err != nil {
			t.Fatal(err)
		}
		got, err := content(disk, "c")
		if err == nil {
			err = same(got, want)
		}
		if err != nil || last != 5000 {
			t.Errorf("%d workers: %v, progress ended at %d", opt.Workers, err, last)
		}
	}
}

// However slow the tokenizer, only so many units are read ahead of it.
func TestReadingAheadIsBounded(t *testing.T) {
	before := runtime.NumGoroutine()
	hold := make(chan struct{})
	enc := &held{bytesTok: bytesTok{vocab: 300}, hold: hold}
	var given atomic.Int64
	units := func(yield func(Unit, error) bool) {
		for range 100 * batchTexts {
			given.Add(1)
			if !yield(Unit{Text: "a"}, nil) {
				return
			}
		}
	}
	go func() {
		for was := int64(-1); was != given.Load() || was < batchTexts; time.Sleep(100 * time.Millisecond) {
			was = given.Load()
		}
		enc.atHold = given.Load()
		close(hold)
	}()
	if _, err := Build(crashfs.New(), "c", enc, units, Options{Workers: 3}); err != nil {
		t.Fatal(err)
	}
	// Three batches with the workers, seven in order, one that waits for a place and one being filled.
	if most := int64(12 * batchTexts); enc.atHold > most || enc.atHold < batchTexts {
		t.Errorf("%d units were read before one was tokenized, at most %d may be", enc.atHold, most)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

type held struct {
	bytesTok
	hold   chan struct{}
	atHold int64
}

func (h *held) EncodePlain(text string) ([]int32, error) {
	<-h.hold
	return h.bytesTok.EncodePlain(text)
}

// A build that failed goes on from its whole shards: their units are not tokenized again, and the bytes are those of a build
// that was left alone. Other units, or other options, are refused.
func TestGoingOn(t *testing.T) {
	units := some(3000)
	opt := Options{ShardTokens: 50_000, Mask: true, Workers: 2}
	want := made(t, units, opt)
	broken := errors.New("the reader broke")
	for _, stop := range []int{100, 700, 1500, 2999} {
		disk := crashfs.New()
		failing := func(yield func(Unit, error) bool) {
			for _, u := range units[:stop] {
				if !yield(u, nil) {
					return
				}
			}
			yield(Unit{}, broken)
		}
		_, err := Build(disk, "c", bytesTok{vocab: 300}, failing, opt)
		part, partErr := content(disk, "c.part")
		shards := len(part)
		if !errors.Is(err, broken) || (shards > 0) != strings.Contains(err.Error(), "whole shards stay in c.part") || (shards == 0) != errors.Is(partErr, fs.ErrNotExist) {
			t.Fatalf("stopped at %d: %v, %d shards, %v", stop, err, shards, partErr)
		}
		if shards > 0 {
			other := some(3000)
			other[11].Text += "!"
			for name, again := range map[string]func() (Info, error){
				"other units": func() (Info, error) { return Build(disk, "c", bytesTok{vocab: 300}, seq(other...), opt) },
				"fewer units": func() (Info, error) { return Build(disk, "c", bytesTok{vocab: 300}, seq(units[:3]...), opt) },
				"other options": func() (Info, error) {
					return Build(disk, "c", bytesTok{vocab: 300}, seq(units...), Options{ShardTokens: 40_000, Mask: true})
				},
			} {
				if _, err := again(); !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), "c.part") {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		enc := &uneven{bytesTok: bytesTok{vocab: 300}}
		info, err := Build(disk, "c", enc, seq(units...), opt)
		if err != nil || info.Units != 3000 {
			t.Fatal(err, info.Units)
		}
		got, err := content(disk, "c")
		if err == nil {
			err = same(got, want)
		}
		left, _ := disk.ReadDir(".")
		if err != nil || len(left) != 1 {
			t.Errorf("stopped at %d: %v, left %v", stop, err, left)
		}
		if texts := enc.texts.Load(); shards > 0 && texts > 2600 || shards > 5 && texts > 1600 {
			t.Errorf("stopped at %d with %d shards: %d texts were tokenized again", stop, shards, texts)
		}
	}
}

// Whatever a build fails of, the shard that was being written does not stay.
func TestNoHalfShardStays(t *testing.T) {
	broken := errors.New("broken")
	text := Unit{Text: strings.Repeat("a", 300)}
	for name, last := range map[string]struct {
		unit Unit
		err  error
	}{"reader": {err: broken}, "unit": {unit: Unit{Tokens: []int32{}}}, "vocabulary": {unit: Unit{Tokens: []int32{300}}}} {
		dir := filepath.Join(t.TempDir(), "c")
		units := func(yield func(Unit, error) bool) {
			for range 3 * batchTexts {
				if !yield(text, nil) {
					return
				}
			}
			yield(last.unit, last.err)
		}
		_, err := Build(durable.OS, dir, bytesTok{vocab: 300}, units, Options{ShardTokens: 200_000, Workers: 1})
		if !errors.Is(err, cmp.Or(last.err, ErrUnit)) || !strings.Contains(err.Error(), "whole shards stay") {
			t.Fatalf("%s: %v", name, err)
		}
		left, err := content(durable.OS, dir+".part")
		if err != nil || len(left) == 0 {
			t.Fatal(name, err, len(left))
		}
		for file := range left {
			if filepath.Ext(file) != ".shard" {
				t.Errorf("%s: %s stays", name, file)
			}
		}
	}
}

// A folder whose log is gone has nothing to go on from: shards of it that the new build does not make again are removed.
func TestShardsWithoutALogGo(t *testing.T) {
	disk := crashfs.New()
	units := some(1200)
	failing := func(yield func(Unit, error) bool) {
		for _, u := range units {
			if !yield(u, nil) {
				return
			}
		}
		yield(Unit{}, errors.New("broke"))
	}
	if _, err := Build(disk, "c", bytesTok{vocab: 300}, failing, Options{ShardTokens: 20_000, Mask: true}); err == nil {
		t.Fatal("no error")
	}
	if err := disk.Remove("c.part.log"); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(disk, "c", bytesTok{vocab: 300}, seq(units[:200]...), Options{ShardTokens: 20_000, Mask: true}); err != nil {
		t.Fatal(err)
	}
	if err := durable.VerifyDir(disk, "c"); err != nil {
		t.Error(err)
	}
}

// A shard that was damaged meanwhile, and those behind it, are made again.
func TestDamagedShardIsMadeAgain(t *testing.T) {
	units := some(1200)
	opt := Options{ShardTokens: 40_000, Mask: true}
	want := made(t, units, opt)
	for name, damage := range map[string]func(disk *crashfs.FS) error{
		"shard": func(disk *crashfs.FS) error {
			return durable.WriteFile(disk, "c.part/00001.shard", func(w io.Writer) error { _, err := w.Write([]byte("x")); return err })
		},
		"log":       func(disk *crashfs.FS) error { return appendTo(disk, "c.part.log", "{\n") },
		"torn log":  func(disk *crashfs.FS) error { return appendTo(disk, "c.part.log", `{"shard":`) },
		"no folder": func(disk *crashfs.FS) error { return durable.RemoveDir(disk, "c.part") },
		"stray":     func(disk *crashfs.FS) error { return appendTo(disk, "c.part/.00003.shard.tmp0", "half") },
	} {
		disk := crashfs.New()
		broken := func(yield func(Unit, error) bool) {
			for _, u := range units[:1000] {
				if !yield(u, nil) {
					return
				}
			}
			yield(Unit{}, errors.New("broke"))
		}
		if _, err := Build(disk, "c", bytesTok{vocab: 300}, broken, opt); err == nil {
			t.Fatal("no error")
		}
		if err := damage(disk); err != nil {
			t.Fatal(name, err)
		}
		_, err := Build(disk, "c", bytesTok{vocab: 300}, seq(units...), opt)
		if err == nil {
			var got map[string]string
			if got, err = content(disk, "c"); err == nil {
				err = same(got, want)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func appendTo(disk *crashfs.FS, path, text string) error {
	f, err := disk.OpenAppend(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = disk.Create(path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(text))
	return errors.Join(err, f.Close())
}

// Every crash state is sound, the folder whole or not there, and a new start makes of it what an uninterrupted one makes.
func TestCrashStates(t *testing.T) {
	units := some(60)
	opt := Options{ShardTokens: 3000, Mask: true, Workers: 1}
	want := made(t, units, opt)
	e := &crashfs.Explorer{Disk: crashfs.New(), Seeds: 5}
	e.Check = func(after *crashfs.FS) error {
		got, err := content(after, "c")
		if err == nil {
			return same(got, want)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if e.States%7 != 0 {
			return nil
		}
		if _, err := Build(after, "c", bytesTok{vocab: 300}, seq(units...), opt); err != nil {
			return fmt.Errorf("the next start: %w", err)
		}
		if got, err = content(after, "c"); err != nil {
			return err
		}
		return same(got, want)
	}
	if _, err := Build(e.FS(nil), "c", bytesTok{vocab: 300}, seq(units...), opt); err != nil {
		t.Fatal(err)
	}
	if e.Err != nil || e.States < 500 {
		t.Fatalf("%d states: %v", e.States, e.Err)
	}
	t.Logf("%d states", e.States)
}

// Every operation fails once, the disk full or, halfway through a write, broken: the error comes out, the folder is not there,
// and the same call goes on to the same bytes.
func TestEveryOperationFailing(t *testing.T) {
	units := some(60)
	opt := Options{ShardTokens: 3000, Mask: true, Workers: 1}
	want := made(t, units, opt)
	total := 0
	counting := crashfs.Hooks{Before: func(crashfs.Op) error { total++; return nil }}
	if _, err := Build(crashfs.Wrap(crashfs.New(), counting), "c", bytesTok{vocab: 300}, seq(units...), opt); err != nil {
		t.Fatal(err)
	}
	for n := range total {
		disk, count := crashfs.New(), 0
		fault := [...]error{syscall.ENOSPC, crashfs.Half(syscall.EIO)}[n%2]
		_, err := Build(crashfs.Wrap(disk, crashfs.Hooks{Before: func(op crashfs.Op) error {
			if count++; count-1 == n {
				return fmt.Errorf("planted at %s: %w", op, fault)
			}
			return nil
		}}), "c", bytesTok{vocab: 300}, seq(units...), opt)
		if err == nil || !strings.Contains(err.Error(), "planted at") {
			t.Fatalf("operation %d of %d: the error was %v", n, total, err)
		}
		got, err := content(disk, "c")
		if errors.Is(err, fs.ErrNotExist) {
			if _, err = Build(disk, "c", bytesTok{vocab: 300}, seq(units...), opt); err == nil {
				got, err = content(disk, "c")
			}
		}
		if err == nil {
			err = same(got, want)
		}
		if err != nil {
			t.Fatalf("operation %d of %d, %v: %v", n, total, fault, err)
		}
	}
	t.Logf("%d operations", total)
}

// Two processes do not build one folder at a time, and what is there is not built again.
func TestOneBuildAtATime(t *testing.T) {
	disk := crashfs.New()
	var inner error
	units := func(yield func(Unit, error) bool) {
		_, inner = Build(disk, "c", bytesTok{vocab: 300}, seq(Unit{Text: "a"}), Options{})
		yield(Unit{Text: "a"}, nil)
	}
	if _, err := Build(disk, "c", bytesTok{vocab: 300}, units, Options{}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(inner, durable.ErrLocked) {
		t.Errorf("beside another: %v", inner)
	}
	if _, err := Build(disk, "c", bytesTok{vocab: 300}, seq(Unit{Text: "a"}), Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
}
