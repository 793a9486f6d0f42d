//go:build cuda

package cuda

import (
	"fmt"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// launch issues a kernel on the backend's stream: grid blocks of the given number of threads, each with shared bytes of dynamic
// shared memory. *args is the kernel's one parameter, in the layout of its C struct; it is copied before launch returns, which
// never allocates. A grid with a zero launches nothing. A failure sticks and names op.
func launch[T any](b *Backend, op, kernel string, grid dims, threads, shared int, args *T) {
	if grid.x == 0 || grid.y == 0 || grid.z == 0 {
		return
	}
	b.launchKernel(op, kernel, grid, threads, shared, unsafe.Pointer(args), unsafe.Sizeof(*args))
}

func (b *Backend) launchKernel(op, kernel string, grid dims, threads, shared int, args unsafe.Pointer, size uintptr) {
	b.issue.Lock()
	defer b.issue.Unlock()
	if b.sticky == nil {
		b.sticky = fmt.Errorf("%w: %s: %s: no driver", kernels.ErrDevice, b.Name(), op)
	}
}
