//go:build cuda && emulator

package cuda

/*
#include "standin_go.h"
*/
import "C"

// What tests of other packages ask of the stand-in, by tag emulator only: there is no GPU then, and no driver but it.

// StandInFailAllocation makes the n-th allocation from now fail (1 is the next) and those after it, times in all; n = 0: none.
func StandInFailAllocation(n, times int) { standInFailAllocation(n, times) }

// StandInMemory counts the allocations that live, on the device and pinned, their bytes, and all that were ever asked for.
func StandInMemory() (live, bytes, made int) { return standInMemory() }

// StandInWaits counts how often the host has waited: for all that was issued (by synchronising a stream or a context, by a copy or
// another call that blocks), and for an event that was not due yet.
func StandInWaits() (all, events int) {
	var a, e C.size_t
	C.primer_standin_waits(&a, &e)
	return int(a), int(e)
}
