//go:build cuda && emulator

package cuda

/*
#cgo CXXFLAGS: -std=c++17 -O2 -g0 -Wall -Wno-unknown-pragmas -Wno-unused-function -DPRIMER_EMULATED
#include <stdlib.h>
#include "emulate_go.h"
*/
import "C"

import (
	"embed"
	"errors"
	"unsafe"
)

// The emulator's inputs that cgo does not track. Embedded files are inputs of the package's build, so that a changed .cu is
// compiled again for the emulator (TestChangedKernelIsRebuilt).
//
//go:embed *.cu* testdata/planted.cu
var emulated embed.FS

// emulate runs a kernel on the host to its end, past the driver.
func emulate(kernel string, grid dims, threads, shared int, args unsafe.Pointer, size uintptr) error {
	name := C.CString(kernel)
	defer C.free(unsafe.Pointer(name))
	var text [1024]C.char
	what := &text[0]
	g := [3]C.uint{C.uint(grid.x), C.uint(grid.y), C.uint(grid.z)}
	block := [3]C.uint{C.uint(threads), 1, 1}
	if C.primer_emulate(name, &g[0], &block[0], C.size_t(shared), args, C.size_t(size), what, C.size_t(len(text))) != 0 {
		return errors.New("emulator: " + C.GoString(what))
	}
	return nil
}

// emulateSeed says from what the emulator's schedules follow.
func emulateSeed(seed uint64) { C.primer_emulate_seed(C.ulonglong(seed)) }

// emulatedKernel is a kernel of the emulator's table.
type emulatedKernel struct {
	name, file string
	launches   int // so far
}

func emulatedKernels() (all []emulatedKernel) {
	for i := 0; ; i++ {
		var file *C.char
		var launches C.ulonglong
		name := C.primer_emulate_kernel(C.int(i), &file, &launches)
		if name == nil {
			return all
		}
		all = append(all, emulatedKernel{C.GoString(name), C.GoString(file), int(launches)})
	}
}
