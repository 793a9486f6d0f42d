//go:build cuda && emulator

package cuda

/*
#cgo CXXFLAGS: -I${SRCDIR}/lib/include
#include "standin_go.h"
*/
import "C"

import (
	"errors"
	"unsafe"

	"gorgonia.org/cu"
)

// With tag emulator there is no other driver than the stand-in.
func init() { standIn = standInFunctions }

// standInFunctions are the functions of the stand-in's driver, NVRTC and cuBLASLt by name.
func standInFunctions() (libcuda, nvrtc, cublaslt map[string]uintptr) {
	var tables [3]map[string]uintptr
	for library := range tables {
		tables[library] = map[string]uintptr{}
		for i := 0; ; i++ {
			var address C.uintptr_t
			name := C.primer_standin_function(C.int(library), C.int(i), &address)
			if name == nil {
				break
			}
			tables[library][C.GoString(name)] = uintptr(address)
		}
	}
	return tables[0], tables[1], tables[2]
}

// standInFailAllocation makes the n-th allocation from now fail (1 is the next), and those after it, times in all: a caller that
// tries again after making room needs two. n = 0: none fails.
func standInFailAllocation(n, times int) {
	C.primer_standin_fail_allocation(C.size_t(n), C.size_t(times))
}

// standInMemory counts the allocations that live, their bytes, and all that were ever asked for.
func standInMemory() (live, bytes, made int) {
	var l, b, m C.size_t
	C.primer_standin_memory(&l, &b, &m)
	return int(l), int(b), int(m)
}

// standInHeuristics counts the calls that ask cuBLASLt for algorithms.
func standInHeuristics() int { return int(C.primer_standin_heuristics()) }

// standInFailure is what failed on the device and sticks there, nil if nothing did.
func standInFailure() error {
	if text := C.GoString(C.primer_standin_failure()); text != "" {
		return errors.New(text)
	}
	return nil
}

// standInClear forgets what failed and what is queued, as if the contexts had been made anew.
func standInClear() { C.primer_standin_clear() }

// What gorgonia.org/cu lacks, for the stand-in's own tests: pinned memory, and launches whose one parameter is a struct.
func standInPinned(bytes int) unsafe.Pointer { return C.primer_standin_pinned(C.size_t(bytes)) }

func standInPinnedFree(p unsafe.Pointer) bool { return C.primer_standin_pinned_free(p) == 0 }

func standInLaunch(f cu.Function, stream cu.Stream, blocks, threads, shared int, args unsafe.Pointer, size uintptr) error {
	function, on := *(*C.uintptr_t)(unsafe.Pointer(&f)), *(*C.uintptr_t)(unsafe.Pointer(&stream))
	return driverError(C.int(C.primer_standin_launch(function, on, C.uint(blocks), C.uint(threads), C.uint(shared), args, C.size_t(size))))
}
