// Package cudashim makes the library that Primer links in place of CUDA's driver: libcuda.a, in which every function of cuda.h
// jumps through a slot. A binary so linked starts on a machine without a driver; kernels/cuda fills the slots from the driver
// that it finds, or, in tests, from a stand-in.
//
// The names come from the header, the rest is shim/shim.c. Nothing of CUDA is needed but the header, and the same header gives
// the same library.
package cudashim

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// Source is the shim's C source; it includes Header as shim.h and what Names returns as names.inc.
//
//go:embed shim/shim.c
var Source []byte

// Header declares what the shim offers beside the driver's functions.
//
//go:embed shim/shim.h
var Header []byte

var (
	declaration = regexp.MustCompile(`CUresult\s+CUDAAPI\s+(cu[A-Z]\w*)\s*\(`)
	// cuMemAlloc is another name of cuMemAlloc_v2, __CUDA_API_PTSZ(cuLaunchKernel) one of cuLaunchKernel.
	alias = regexp.MustCompile(`(?m)^\s*#\s*define\s+cu[A-Z]\w*\s+(?:__CUDA_API_PT[A-Z]+\()?(cu[A-Z]\w*)\)?\s*$`)
)

// fewest is below the number of functions of any cuda.h that there is; the header of 12.4 has more than 500.
const fewest = 200

// Names writes names.inc: NAME(i, function) for every function that cuda.h declares or renames to, in the order of the alphabet.
func Names(cudaH []byte) ([]byte, error) {
	var names []string
	for _, re := range []*regexp.Regexp{declaration, alias} {
		for _, m := range re.FindAllSubmatch(cudaH, -1) {
			names = append(names, string(m[1]))
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if _, ok := slices.BinarySearch(names, "cuInit"); !ok || len(names) < fewest {
		return nil, fmt.Errorf("this is no cuda.h: %d functions of the driver are in it: %w", len(names), errNoHeader)
	}
	var out bytes.Buffer
	for i, name := range names {
		fmt.Fprintf(&out, "NAME(%d, %s)\n", i, name)
	}
	return out.Bytes(), nil
}

var errNoHeader = errors.New("want the header of CUDA 12")
