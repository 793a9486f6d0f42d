package cpu

// #include "host.h"
import "C"

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// memory keeps the account of what is allocated. Kernels never allocate: all memory comes from here, before a step.
type memory struct {
	mu    sync.Mutex
	live  map[*kernels.Memory]bool // true: ours to unmap; false: a view of the caller's bytes
	usage kernels.Usage
}

func (m *memory) add(mem *kernels.Memory, ours bool) *kernels.Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[mem] = ours
	m.usage.Now[mem.Kind] += mem.Size
	m.usage.Peak[mem.Kind] = max(m.usage.Peak[mem.Kind], m.usage.Now[mem.Kind])
	return mem
}

// remove takes mem off the account and reports whether its pages are ours to give back.
func (m *memory) remove(mem *kernels.Memory) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	ours, ok := m.live[mem]
	if !ok {
		panic("cpu: Free of memory that is not allocated here")
	}
	delete(m.live, mem)
	m.usage.Now[mem.Kind] -= mem.Size
	return ours
}

// Alloc returns zeroed memory outside Go's heap, 64-byte aligned.
func (b *Backend) Alloc(kind kernels.MemoryKind, bytes int64) (*kernels.Memory, error) {
	if bytes < 0 {
		panic("cpu: Alloc of a negative size")
	}
	addr := C.host_alloc(C.size_t(max(bytes, 1)))
	if addr == nil {
		return nil, fmt.Errorf("%w: cpu: %d bytes of %v", kernels.ErrOutOfMemory, bytes, kind)
	}
	return b.memory.add(&kernels.Memory{Addr: uintptr(addr), Size: bytes, Kind: kind, Host: true}, true), nil
}

// Free gives memory back once everything issued before has run.
func (b *Backend) Free(mem *kernels.Memory) {
	if mem == nil {
		return
	}
	if b.memory.remove(mem) {
		b.release(mem)
	}
}

// Map makes host bytes usable in place. The bytes must lie outside Go's heap and outlive the Memory.
func (b *Backend) Map(kind kernels.MemoryKind, host []byte) (*kernels.Memory, error) {
	mem := &kernels.Memory{Size: int64(len(host)), Kind: kind, Host: true}
	if len(host) > 0 {
		mem.Addr = uintptr(unsafe.Pointer(&host[0]))
	}
	return b.memory.add(mem, false), nil
}

// Held is nothing that is counted: the team's scratch (28 MiB and 4 MiB a thread, of addresses) becomes memory only where an op
// touches it.
func (b *Backend) Held() (none [kernels.NumMemoryKinds]int64) { return none }

// Usage reports memory by kind. Mapped bytes count like allocated ones.
func (b *Backend) Usage() kernels.Usage {
	b.memory.mu.Lock()
	defer b.memory.mu.Unlock()
	return b.memory.usage
}
