//go:build cuda && emulator

package cuda

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// A device that is not there is an error that says how many there are.
func TestNoSuchGPU(t *testing.T) {
	for _, n := range []int{-1, 2, 99} {
		if _, err := openBackend(n); !errors.Is(err, kernels.ErrNoDevice) || !strings.Contains(err.Error(), "the driver sees 2") {
			t.Errorf("GPU %d: %v", n, err)
		}
	}
}

// Every allocation that opening takes fails once, for good: an error, and nothing is left.
func TestOpenWithoutMemory(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	defer standInFailAllocation(0, 0)
	for n := 1; ; n++ {
		standInFailAllocation(n, 2)
		b, err := openBackend(0)
		if err == nil {
			standInFailAllocation(0, 0)
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if n < 4 {
				t.Errorf("opening takes %d allocations only", n-1)
			}
			return
		}
		if live, size, _ := standInMemory(); live != 0 || !errors.Is(err, kernels.ErrOutOfMemory) {
			t.Errorf("without allocation %d: %v; %d allocations of %d bytes are left", n, err, live, size)
		}
	}
}

// An allocation that fails is an error and changes nothing; one that fails once only is tried again.
func TestAllocWithoutMemory(t *testing.T) {
	b := opened(t)
	defer standInFailAllocation(0, 0)
	f16, err := b.Alloc(kernels.MemWeights, 64)
	if err != nil {
		t.Fatal(err)
	}
	live, _, _ := standInMemory()
	usage := b.Usage()
	for name, alloc := range map[string]func() error{
		"Alloc":        func() error { _, err := b.Alloc(kernels.MemCache, 1000); return err },
		"Map":          func() error { _, err := b.Map(kernels.MemWeights, make([]byte, 1000)); return err },
		"OpenReadback": func() error { _, err := b.OpenReadback(1000); return err },
		"Prepare": func() error {
			_, err := b.Prepare(kernels.NewTensor(f16, 0, kernels.F16, 4, 8), kernels.WeightFrozen)
			return err
		},
	} {
		standInFailAllocation(1, 2)
		if err := alloc(); !errors.Is(err, kernels.ErrOutOfMemory) || !strings.Contains(err.Error(), "bytes of") {
			t.Errorf("%s: %v", name, err)
		}
		if now, _, _ := standInMemory(); now != live || b.Usage().Now != usage.Now {
			t.Errorf("%s: %d allocations live, %d before; usage %v, before %v", name, now, live, b.Usage().Now, usage.Now)
		}
	}
	standInFailAllocation(1, 1)
	mem, err := b.Alloc(kernels.MemCache, 1000)
	if err != nil {
		t.Errorf("after room was made: %v", err)
	}
	b.Free(mem)
	if err := b.Sync(); err != nil {
		t.Error(err)
	}
}

// Two GPUs in one process, used from goroutines that move from thread to thread.
func TestTwoGPUs(t *testing.T) {
	first := opened(t)
	second, err := openBackend(1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}()
	var wait sync.WaitGroup
	problems := make([]error, 8)
	for i := range problems {
		wait.Go(func() {
			b := []*Backend{first, second}[i%2]
			mem, err := b.Alloc(kernels.MemInputs, 4000)
			if err != nil {
				problems[i] = err
				return
			}
			defer b.Free(mem)
			x := kernels.NewTensor(mem, 0, kernels.U8, 4000)
			for k := range 20 {
				src, got := make([]byte, 4000), make([]byte, 4000)
				src[k] = byte(i + 1)
				b.Write(x, src)
				if err := b.Read(got, x); err != nil || got[k] != src[k] {
					problems[i] = fmt.Errorf("%s: round %d: %d, %w", b.Name(), k, got[k], err)
				}
			}
		})
	}
	wait.Wait()
	for _, err := range problems {
		if err != nil {
			t.Error(err)
		}
	}
}
