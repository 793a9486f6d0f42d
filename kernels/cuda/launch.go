//go:build cuda

package cuda

/*
#include "driver.h"
*/
import "C"

import (
	"fmt"
	"regexp"
	"unsafe"

	"gorgonia.org/cu"
)

// function is a kernel of a loaded module.
type function struct {
	handle uintptr
	shared int // bytes of dynamic shared memory that it was allowed
}

// sharedUnasked is what any kernel may have of dynamic shared memory without asking: of the 48 KB that a block has by itself its own
// variables take some, 16 KB at most.
const sharedUnasked = 32 << 10

// launch issues a kernel on the backend's stream: grid blocks of the given number of threads, each with shared bytes of dynamic
// shared memory. *args is the kernel's one parameter, in the layout of its C struct; it is copied before launch returns, which
// never allocates. A grid with a zero launches nothing. A failure sticks and names op; after one nothing is launched.
func launch[T any](b *Backend, op, kernel string, grid dims, threads, shared int, args *T) {
	if grid.x == 0 || grid.y == 0 || grid.z == 0 {
		return
	}
	b.launchKernel(op, kernel, grid, threads, shared, unsafe.Pointer(args), unsafe.Sizeof(*args))
}

func (b *Backend) launchKernel(op, kernel string, grid dims, threads, shared int, args unsafe.Pointer, size uintptr) {
	b.issue.Lock()
	defer b.issue.Unlock()
	if b.sticky != nil {
		return
	}
	f := b.functions[kernel]
	if f == nil || shared > f.shared {
		var err error
		if f, err = b.prepare(kernel, shared); err != nil {
			b.stick(op, err)
			return
		}
	}
	// The struct stands on the caller's stack, and has to stay there: a pointer to it for C would move it to the heap.
	copy(b.staging.args(int(size)), unsafe.Slice((*byte)(args), size))
	r := C.driver_launch(b.queue(), C.uintptr_t(f.handle), C.uint(grid.x), C.uint(grid.y), C.uint(grid.z), C.uint(threads),
		C.uint(shared), C.uintptr_t(b.staging.host+argsAt), C.size_t(size))
	if r != 0 {
		b.stick(op, fmt.Errorf("launching %s, %v blocks of %d threads with %d bytes of shared memory: %w", kernel, grid, threads, shared, driverError(r)))
	}
}

// prepare finds a kernel the first time that it is launched, and asks for shared memory the first time that it needs more.
func (b *Backend) prepare(kernel string, shared int) (*function, error) {
	f := b.functions[kernel]
	if f == nil {
		handle, err := b.find(kernel)
		if err != nil {
			return nil, err
		}
		f = &function{*(*uintptr)(unsafe.Pointer(&handle)), sharedUnasked}
		b.functions[kernel] = f
	}
	if shared > f.shared {
		if shared > b.shared {
			return nil, fmt.Errorf("%s wants %d bytes of shared memory, a block of %s may have %d", kernel, shared, b.name, b.shared)
		}
		if err := driverError(C.driver_set_shared(b.queue(), C.uintptr_t(f.handle), C.int(shared))); err != nil {
			return nil, fmt.Errorf("%d bytes of shared memory for %s: %w", shared, kernel, err)
		}
		f.shared = shared
	}
	return f, nil
}

func (b *Backend) find(kernel string) (f cu.Function, err error) {
	err = b.inContext(func() error {
		if m, ok := b.homes[kernel]; ok {
			f, err = m.Function(kernel)
			return err
		}
		return fmt.Errorf("no .cu file has a kernel %s", kernel)
	})
	return f, err
}

// load loads compiled kernels; in the backend's context.
func (b *Backend) load(images []image) error {
	b.homes = map[string]cu.Module{}
	for _, i := range images {
		m, err := cu.LoadData(string(i.cubin))
		if err != nil {
			return fmt.Errorf("%w: loading the kernels of %s, compiled for %s: %w", kindOf(err), i.source, b.arch(), err)
		}
		b.modules = append(b.modules, m)
		for _, kernel := range kernelsOf(i.cubin) {
			b.homes[kernel] = m
		}
	}
	return nil
}

var kernelSection = regexp.MustCompile(`\.text\.(\w+)`)

// kernelsOf lists the kernels of an image, some more than once: a cubin names a section of code for each. Asking every module for
// a kernel instead would be an error of the driver's to whoever watches its calls, compute-sanitizer among them.
func kernelsOf(cubin []byte) (names []string) {
	for _, found := range kernelSection.FindAllSubmatch(cubin, -1) {
		names = append(names, string(found[1]))
	}
	return names
}
