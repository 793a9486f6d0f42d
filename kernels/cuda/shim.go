//go:build cuda

package cuda

/*
#cgo CFLAGS: -std=c11 -O2 -Wall -I${SRCDIR}/lib/include
#cgo LDFLAGS: -L${SRCDIR}/lib -ldl
#include <cudashim.h>
#include <stdint.h>
#include <stdlib.h>

static int fill(const char *name, uintptr_t function) { return primer_cuda_fill(name, (void *)function); }
static const char *folder(void) { return primer_cuda_folder; }
*/
import "C"

import (
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// standIn gives the functions of a driver, of NVRTC and of cuBLASLt by name, when they are not to be looked for on this machine:
// tests under tag emulator set it before the first Open. It is nil in every program.
var standIn func() (libcuda, nvrtc, cublaslt map[string]uintptr)

// driverNames is where the driver's library is looked for: by the loader, and where Windows puts it for its Linux.
var driverNames = []string{"libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"}

// fillDriver fills the slots that every call to the driver goes through; once in a process.
var fillDriver = sync.OnceValue(func() error {
	if standIn != nil {
		functions, _, _ := standIn()
		for name, function := range functions {
			c := C.CString(name)
			known := C.fill(c, C.uintptr_t(function))
			C.free(unsafe.Pointer(c))
			if known == 0 {
				return fmt.Errorf("the stand-in's %s is no function of cuda.h", name)
			}
		}
		return nil
	}
	return findDriver(driverNames)
})

// findDriver opens the first of the libraries that opens, and fills the slots from it.
func findDriver(libraries []string) error {
	var c cStrings
	defer c.free()
	if problem := C.primer_cuda_open(c.array(libraries)); problem != nil {
		return fmt.Errorf("%w: no NVIDIA driver: looked for %s: %s", kernels.ErrNoDevice, strings.Join(libraries, ", then "), C.GoString(problem))
	}
	return nil
}

// setupFolder is where set-up put what it fetched, on the machine that built this program.
func setupFolder() string { return C.GoString(C.folder()) }
