package ref

import (
	"fmt"
	"syscall"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

const (
	page      = 4096
	alignment = 64
)

// Alloc maps fresh zeroed pages between two guard pages. The block ends where the guard page begins (within its alignment of
// 64 bytes), so that running past the end faults.
func (b *Backend) Alloc(kind kernels.MemoryKind, bytes int64) (*kernels.Memory, error) {
	if bytes < 0 {
		panic(&kernels.ShapeError{Op: "alloc", Code: "negative size", Detail: fmt.Sprint(bytes)})
	}
	aligned := (bytes + alignment - 1) / alignment * alignment
	body := (aligned + page - 1) / page * page
	whole, err := syscall.Mmap(-1, 0, int(body+2*page), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("%w: %d bytes of %v: %w", kernels.ErrOutOfMemory, bytes, kind, err)
	}
	for _, guard := range [][]byte{whole[:page], whole[page+body:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			_ = syscall.Munmap(whole)
			return nil, fmt.Errorf("%w: protecting a guard page: %w", kernels.ErrDevice, err)
		}
	}
	mem := &kernels.Memory{Addr: address(whole) + uintptr(page+body-aligned), Size: bytes, Kind: kind, Host: true}
	b.hold(mem, whole)
	return mem, nil
}

// Map uses host bytes in place.
func (b *Backend) Map(kind kernels.MemoryKind, host []byte) (*kernels.Memory, error) {
	mem := &kernels.Memory{Addr: address(host), Size: int64(len(host)), Kind: kind, Host: true}
	b.hold(mem, nil)
	return mem, nil
}

func address(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }

func (b *Backend) hold(mem *kernels.Memory, whole []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.blocks[mem] = whole
	u := &b.usage
	u.Now[mem.Kind] += mem.Size
	u.Peak[mem.Kind] = max(u.Peak[mem.Kind], u.Now[mem.Kind])
}

// Free unmaps an allocation. Freeing twice, or what another backend made, panics.
func (b *Backend) Free(mem *kernels.Memory) {
	b.mu.Lock()
	defer b.mu.Unlock()
	whole, ok := b.blocks[mem]
	if !ok {
		panic(&kernels.ShapeError{Op: "free", Code: "memory is not held by this backend", Detail: fmt.Sprintf("%#x", mem.Addr)})
	}
	delete(b.blocks, mem)
	b.usage.Now[mem.Kind] -= mem.Size
	if whole != nil {
		_ = syscall.Munmap(whole) // fails only for a range that was never mapped
	}
}

// Usage reports memory by kind.
func (b *Backend) Usage() kernels.Usage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.usage
}

// Held is nothing: there are no threads and no libraries.
func (b *Backend) Held() (none [kernels.NumMemoryKinds]int64) { return none }

// Close frees what is left and returns the last failure.
func (b *Backend) Close() error {
	b.mu.Lock()
	held := make([]*kernels.Memory, 0, len(b.blocks))
	for mem := range b.blocks {
		held = append(held, mem)
	}
	b.mu.Unlock()
	for _, mem := range held {
		b.Free(mem)
	}
	return b.Sync()
}
