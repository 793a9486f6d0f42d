//go:build cuda

package cuda

/*
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"sync"

	"gorgonia.org/cu"

	"github.com/primer-lm/primer/kernels"
)

// memory keeps the account of what is allocated. The driver's pool keeps what is freed for the next allocation; the account
// counts what is in use.
type memory struct {
	mu    sync.Mutex
	live  map[*kernels.Memory]bool
	own   map[uintptr]owned // what the backend itself holds, by address
	usage kernels.Usage
}

type owned struct {
	kind  kernels.MemoryKind
	bytes int64
}

func (m *memory) add(mem *kernels.Memory) *kernels.Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live[mem] = true
	m.count(mem.Kind, mem.Size)
	return mem
}

func (m *memory) count(kind kernels.MemoryKind, bytes int64) {
	m.usage.Now[kind] += bytes
	m.usage.Peak[kind] = max(m.usage.Peak[kind], m.usage.Now[kind])
}

// hold counts memory of the backend's own; drop takes it off the account.
func (m *memory) hold(kind kernels.MemoryKind, address uintptr, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.own[address] = owned{kind, bytes}
	m.count(kind, bytes)
}

func (m *memory) drop(address uintptr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.own[address]
	delete(m.own, address)
	m.usage.Now[o.kind] -= o.bytes
}

func (m *memory) remove(mem *kernels.Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.live[mem] {
		panic("cuda: Free of memory that is not allocated here")
	}
	delete(m.live, mem)
	m.usage.Now[mem.Kind] -= mem.Size
}

// Alloc returns zeroed memory, 256-byte aligned: the GPU's, or, as MemStaging, the host's that the GPU reaches (pinned).
func (b *Backend) Alloc(kind kernels.MemoryKind, bytes int64) (*kernels.Memory, error) {
	if bytes < 0 {
		panic("cuda: Alloc of a negative size")
	}
	b.issue.Lock()
	defer b.issue.Unlock()
	allocate := b.poolAlloc
	if kind == kernels.MemStaging {
		allocate = b.pinnedAlloc
	}
	address, err := allocate(bytes)
	if err != nil {
		return nil, b.allocError(kind, bytes, err)
	}
	return b.memory.add(&kernels.Memory{Addr: address, Size: bytes, Kind: kind, Host: kind == kernels.MemStaging}), nil
}

// pinnedAlloc allocates pinned memory of the host, zeroed. The caller has the issue lock.
func (b *Backend) pinnedAlloc(bytes int64) (uintptr, error) {
	size := max(bytes, 1)
	var host C.uintptr_t
	if err := driverError(C.driver_pinned(b.queue(), C.size_t(size), &host)); err != nil {
		return 0, fmt.Errorf("pinned memory of the host: %w", err)
	}
	clear(hostBytes(uintptr(host), int(size)))
	return uintptr(host), nil
}

// deviceAlloc is poolAlloc for what the backend itself holds, which is counted as workspace. The caller has the issue lock, or
// is alone.
func (b *Backend) deviceAlloc(bytes int64) (uintptr, error) {
	address, err := b.poolAlloc(bytes)
	if err == nil {
		b.memory.hold(kernels.MemWorkspace, address, bytes)
	}
	return address, err
}

// poolAlloc allocates from the pool and zeroes, both in the stream's order. When the pool's pieces do not fit, it gives back
// what nobody uses and tries once more. The caller has the issue lock.
func (b *Backend) poolAlloc(bytes int64) (uintptr, error) {
	if b.capturing {
		return 0, errors.New("memory cannot be allocated while operations are captured")
	}
	if bytes > b.bytes {
		return 0, &cudaError{cudaOutOfMemory, fmt.Sprintf("the GPU has %d bytes in all", b.bytes)}
	}
	size := C.size_t(max(bytes, 1))
	var address C.uintptr_t
	err := driverError(C.driver_alloc(b.queue(), C.uintptr_t(b.pool), size, &address))
	if kindOf(err) == kernels.ErrOutOfMemory {
		if err := driverError(C.driver_pool_trim(b.queue(), C.uintptr_t(b.pool))); err != nil {
			return 0, err
		}
		err = driverError(C.driver_alloc(b.queue(), C.uintptr_t(b.pool), size, &address))
	}
	if err != nil {
		return 0, err
	}
	if err := driverError(C.driver_zero(b.queue(), address, size)); err != nil {
		return 0, errors.Join(err, b.poolFree(uintptr(address)))
	}
	return uintptr(address), nil
}

func (b *Backend) poolFree(address uintptr) error {
	return driverError(C.driver_free(b.queue(), C.uintptr_t(address)))
}

// deviceFree frees what deviceAlloc allocated.
func (b *Backend) deviceFree(address uintptr) error {
	b.memory.drop(address)
	return b.poolFree(address)
}

// free frees what Alloc allocated. Pinned memory is free when all that was issued has run: the driver waits for it.
func (b *Backend) free(mem *kernels.Memory) error {
	if mem.Host {
		return driverError(C.driver_pinned_free(b.queue(), C.uintptr_t(mem.Addr)))
	}
	return b.poolFree(mem.Addr)
}

// allocError names bytes and kind, and what the GPU has left.
func (b *Backend) allocError(kind kernels.MemoryKind, bytes int64, err error) error {
	if kindOf(err) != kernels.ErrOutOfMemory || kind == kernels.MemStaging {
		return fmt.Errorf("%w: %s: allocating %d bytes of %v: %w", kindOf(err), b.Name(), bytes, kind, err)
	}
	var free, total int64
	if e := b.inContext(func() (e error) { free, total, e = cu.MemInfo(); return e }); e != nil {
		return fmt.Errorf("%w: %s: %d bytes of %v: %w", kernels.ErrOutOfMemory, b.Name(), bytes, kind, err)
	}
	return fmt.Errorf("%w: %s: %d bytes of %v: %d of %d bytes are free: %w", kernels.ErrOutOfMemory, b.Name(), bytes, kind, free, total, err)
}

// Free gives memory back once everything issued before has run.
func (b *Backend) Free(mem *kernels.Memory) {
	if mem == nil {
		return
	}
	b.issue.Lock()
	defer b.issue.Unlock()
	if b.capturing { // and so it stays allocated
		b.stick("free", errors.New("memory cannot be freed while operations are captured: the graph would free it at every launch"))
		return
	}
	b.memory.remove(mem)
	if err := b.free(mem); err != nil {
		b.stick("free", err)
	}
}

// freeAll frees what nobody freed; at the end.
func (b *Backend) freeAll() error {
	var problems []error
	for mem := range b.memory.live {
		b.memory.remove(mem)
		problems = append(problems, b.free(mem))
	}
	for _, address := range []*uintptr{&b.failures, &b.sums} {
		if *address != 0 {
			problems = append(problems, b.deviceFree(*address))
			*address = 0
		}
	}
	return errors.Join(problems...)
}

// Map copies host bytes to the GPU: reading them in place would pass every product through the bus.
func (b *Backend) Map(kind kernels.MemoryKind, host []byte) (*kernels.Memory, error) {
	mem, err := b.Alloc(kind, int64(len(host)))
	if err != nil {
		return nil, err
	}
	if len(host) > 0 {
		b.Write(kernels.NewTensor(mem, 0, kernels.U8, int64(len(host))), host)
	}
	return mem, nil
}

// Held is what the backend itself holds: what cuBLASLt works in, the scratch of products, the parts of sums, and the pinned memory
// that copies pass through. The driver's context and the code of the kernels are not counted: the driver does not tell.
func (b *Backend) Held() (bytes [kernels.NumMemoryKinds]int64) {
	b.memory.mu.Lock()
	defer b.memory.mu.Unlock()
	for _, o := range b.memory.own {
		bytes[o.kind] += o.bytes
	}
	return bytes
}

// Usage reports memory by kind.
func (b *Backend) Usage() kernels.Usage {
	b.memory.mu.Lock()
	defer b.memory.mu.Unlock()
	return b.memory.usage
}
