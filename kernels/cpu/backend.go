// Package cpu is the backend that computes on the host: kernels in C, one body per op compiled for several instruction sets
// and chosen at run time, run by a fixed team of threads behind one queue. There is no library beneath it; tag onednn adds
// one that benchmarks compare with and that the backend never calls.
//
// Programs take it as device.Open("cpu"); Open here also sets the number of threads, which shows in the time and never in the
// bits.
//
// Where to begin: team.h (what an op sees of the threads), dispatch.go (which variant runs), linear.go and gemm.h (the
// matrix product). Every op is op.go (checks, arguments), op.c (one inclusion per instruction set) and op_body.h (the maths).
package cpu

// #include "team.h"
import "C"

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/primer-lm/primer/kernels"
)

// Options of Open.
type Options struct {
	Threads int // threads that compute; 0: GOMAXPROCS
}

// Backend is the CPU with its queue and its threads.
type Backend struct {
	queue   sync.Mutex // guards the team's host side; held for the time of a call
	team    *C.team
	taken   *taken // what the next failure that Sync takes goes to; guarded by queue
	threads int
	memory  memory
}

// Open starts the threads.
func Open(opt Options) (*Backend, error) {
	n := opt.Threads
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if n < 1 || n > 1024 {
		return nil, fmt.Errorf("cpu: %d threads: want 1 to 1024", n)
	}
	t, err := C.team_open(C.int(n))
	if t == nil {
		return nil, fmt.Errorf("cpu: cannot start %d threads: %w", n, err)
	}
	return &Backend{team: t, taken: &taken{}, threads: n, memory: memory{live: map[*kernels.Memory]bool{}}}, nil
}

// Name is "cpu".
func (b *Backend) Name() string { return "cpu" }

// Close waits, ends the threads and frees what is left. Calling it again does nothing.
func (b *Backend) Close() error {
	b.queue.Lock()
	closed := b.team == nil
	b.queue.Unlock()
	if closed {
		return nil
	}
	err := b.Sync()
	b.queue.Lock()
	defer b.queue.Unlock()
	C.team_close(b.team)
	b.team = nil
	b.memory.mu.Lock()
	defer b.memory.mu.Unlock()
	for mem, ours := range b.memory.live {
		if ours {
			hostFree(mem)
		}
	}
	clear(b.memory.live)
	b.memory.usage.Now = [kernels.NumMemoryKinds]int64{}
	return err
}
