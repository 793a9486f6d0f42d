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
	"fmt"
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

// emulatedKernel says whether the emulator has the kernel, with the size of its arguments and its most threads.
func emulatedKernel(kernel string) (args, threads int, err error) {
	name := C.CString(kernel)
	defer C.free(unsafe.Pointer(name))
	var size C.size_t
	n := C.primer_emulate_find(name, &size)
	if n == 0 {
		return 0, 0, fmt.Errorf("emulator: no kernel %s", kernel)
	}
	return int(size), int(n), nil
}
