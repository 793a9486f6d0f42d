//go:build cuda

package cuda

import "github.com/primer-lm/primer/kernels"

const (
	packLen     = 8     // elements a thread moves at a time; PACK of elements.cuh
	rowThreads  = 256   // most threads of a block of the kernels that stream
	mostGridY   = 65535 // blocks a grid may have in y
	alignedPack = 16    // bytes
)

// whole is 1 where rows of dim elements are whole packs that begin at multiples of 16 bytes in all of the tensors, absent ones
// aside: a kernel then moves 16 bytes at a time.
func whole(dim int64, tensors ...kernels.Tensor) int32 {
	if dim%packLen != 0 {
		return 0
	}
	for _, t := range tensors {
		if addr(t)%alignedPack != 0 {
			return 0
		}
	}
	return 1
}

// rowGrid is the grid of a kernel whose threads take a pack of dim elements each in x, and whose blocks go over the rows in y.
func rowGrid(rows, dim int64) (grid dims, threads int) {
	packs := ceilDiv(dim, packLen)
	threads = int(min(rowThreads, ceilDiv(packs, 32)*32))
	if packs == 0 || rows == 0 {
		return dims{}, threads
	}
	return dims{int(ceilDiv(packs, int64(threads))), int(min(rows, mostGridY)), 1}, threads
}

func asInt(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
