package kerneltest

import (
	"fmt"
	"syscall"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

const (
	pageBytes = 4096
	bandBytes = 192  // guard band on each side of an output
	poison    = 0xff // as any float dtype: NaN; as an integer: -1
)

// block is the memory of one tensor and what lies around it. Where the backend computes on host memory in place, it is a
// mapping of our own between two pages that fault; else it is an allocation of the backend.
type block struct {
	backend kernels.Backend
	mem     *kernels.Memory
	mapping []byte // with its guard pages; nil where the backend allocated
	body    []byte // what the test may address, where the mapping is ours
	at      int64  // offset of the tensor inside mem
}

// role says how a tensor's block is laid out.
type role uint8

const (
	input     role = iota // ends at a page that faults, preceded by poison
	output                // between guard bands, aligned to its element size only
	workspace             // between guard bands, aligned like an allocation
)

// newBlock makes room for a tensor of n bytes with elements of the given size.
func newBlock(b kernels.Backend, inPlace bool, as role, n, size int64) (*block, error) {
	room, at := n, int64(0)
	switch as {
	case output:
		room, at = n+2*bandBytes+size, bandBytes+size
	case workspace:
		room, at = (n+63)/64*64+2*bandBytes, bandBytes
	}
	out := &block{backend: b, at: at}
	if !inPlace {
		mem, err := b.Alloc(kernels.MemInputs, max(room, 1))
		out.mem = mem
		return out, err
	}
	full := (max(room, 1) + pageBytes - 1) / pageBytes * pageBytes
	whole, err := syscall.Mmap(-1, 0, int(full+2*pageBytes), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes: %w", full, err)
	}
	out.mapping, out.body = whole, whole[pageBytes:pageBytes+full]
	if as != workspace {
		out.at += full - room
	}
	for _, guard := range [][]byte{whole[:pageBytes], whole[pageBytes+full:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			return nil, fmt.Errorf("protecting a guard page: %w", err)
		}
	}
	if out.mem, err = b.Map(kernels.MemInputs, out.body); err != nil {
		return nil, fmt.Errorf("mapping for the backend: %w", err)
	}
	return out, nil
}

// write fills the block with poison around data.
func (k *block) write(data []byte) {
	image := make([]byte, k.mem.Size)
	for i := range image {
		image[i] = poison
	}
	copy(image[k.at:], data)
	if k.body != nil {
		copy(k.body, image)
		return
	}
	k.backend.Write(k.bytes(), image)
}

// read returns everything that the block holds. The backend must have been synced.
func (k *block) read() ([]byte, error) {
	if k.body != nil {
		return append([]byte(nil), k.body...), nil
	}
	image := make([]byte, k.mem.Size)
	err := k.backend.Read(image, k.bytes())
	return image, err
}

func (k *block) bytes() kernels.Tensor { return kernels.NewTensor(k.mem, 0, kernels.U8, k.mem.Size) }

func (k *block) free() error {
	k.backend.Free(k.mem)
	if k.mapping != nil {
		return syscall.Munmap(k.mapping)
	}
	return nil
}

// computesInPlace says whether the backend works on mapped host memory where it lies.
func computesInPlace(b kernels.Backend) (bool, error) {
	page, err := syscall.Mmap(-1, 0, pageBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return false, fmt.Errorf("mapping a page: %w", err)
	}
	mem, err := b.Map(kernels.MemInputs, page)
	if err != nil {
		return false, fmt.Errorf("mapping for the backend: %w", err)
	}
	same := mem.Host && mem.Addr == uintptr(unsafe.Pointer(unsafe.SliceData(page)))
	b.Free(mem)
	return same, syscall.Munmap(page)
}
