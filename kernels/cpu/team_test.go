package cpu

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/primer-lm/primer/kernels"
)

// open starts a backend that the test closes, and fails the test when closing finds a failure.
func open(t testing.TB, threads int) *Backend {
	t.Helper()
	b, err := Open(Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func alloc(t testing.TB, b *Backend, typ kernels.DType, dims ...int64) kernels.Tensor {
	t.Helper()
	mem, err := b.Alloc(kernels.MemActivations, kernels.ShapeOf(typ, dims...).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return kernels.NewTensor(mem, 0, typ, dims...)
}

// teamThreads counts the threads of all teams by their names: Go's runtime starts threads of its own whenever it likes.
func teamThreads(t *testing.T) int {
	names, err := filepath.Glob("/proc/self/task/*/comm")
	if err != nil || len(names) == 0 {
		t.Fatalf("the process's threads: %d, %v", len(names), err)
	}
	n := 0
	for _, file := range names {
		if name, err := os.ReadFile(file); err == nil && bytes.HasPrefix(name, []byte("primer-")) { // an error: a thread that has just ended
			n++
		}
	}
	return n
}

func TestWriteCopiesInIssueOrder(t *testing.T) {
	for _, threads := range []int{1, 2, 5} {
		b := open(t, threads)
		for _, n := range []int64{1, 63, 4097, 1 << 20, 3<<20 + 5} {
			dst := alloc(t, b, kernels.U8, n)
			src := make([]byte, n)
			for round := range 20 { // more than the stage holds
				for i := range src {
					src[i] = byte(i*7 + round)
				}
				b.Write(dst, src)
				got := make([]byte, n)
				if round%5 != 0 {
					want := bytes.Clone(src)
					clear(src) // Write has copied
					copy(src, want)
					continue
				}
				if err := b.Read(got, dst); err != nil || !bytes.Equal(got, src) {
					t.Fatalf("%d threads, %d bytes, round %d: err %v", threads, n, round, err)
				}
			}
			b.Free(dst.Mem)
		}
	}
}

func TestCloseGivesEverythingBack(t *testing.T) {
	routines, threads := runtime.NumGoroutine(), teamThreads(t)
	b, err := Open(Options{Threads: 4})
	if err != nil {
		t.Fatal(err)
	}
	if got := teamThreads(t); got != threads+4 {
		t.Errorf("%d threads with a team of 4, %d before", got, threads)
	}
	alloc(t, b, kernels.F32, 1<<20)
	for range 2 {
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	n := teamThreads(t)
	for deadline := time.Now().Add(10 * time.Second); n > threads && time.Now().Before(deadline); n = teamThreads(t) {
		time.Sleep(time.Millisecond) // the kernel lists a joined thread for a moment longer
	}
	if r := runtime.NumGoroutine(); r > routines || n != threads { // fewer: the test before has ended only now
		t.Errorf("after Close: %d goroutines and %d threads, %d and %d before", r, n, routines, threads)
	}
	if u := b.Usage(); u.Now != [kernels.NumMemoryKinds]int64{} || u.Peak[kernels.MemActivations] != 4<<20 {
		t.Errorf("usage after Close: %+v", u)
	}
}

func TestUsageCountsByKind(t *testing.T) {
	b := open(t, 1)
	mapped := make([]byte, 100)
	mem, err := b.Map(kernels.MemWeights, mapped)
	if err != nil {
		t.Fatal(err)
	}
	x := alloc(t, b, kernels.F32, 10)
	want := kernels.Usage{}
	want.Now[kernels.MemWeights], want.Now[kernels.MemActivations] = 100, 40
	want.Peak = want.Now
	if got := b.Usage(); got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
	b.Free(mem)
	b.Free(x.Mem)
	want.Now = [kernels.NumMemoryKinds]int64{}
	if got := b.Usage(); got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
	if _, err := b.Alloc(kernels.MemCache, 1<<60); !errors.Is(err, kernels.ErrOutOfMemory) {
		t.Errorf("2^60 bytes: %v, want ErrOutOfMemory", err)
	}
}
