package cpu

// #include "host.h"
import "C"

import (
	"fmt"
	"sort"

	"github.com/primer-lm/primer/kernels"
)

// The instruction sets with kernels of their own, numbered as in host.h; each is a superset of the one before.
const (
	isaGeneric    = C.ISA_GENERIC
	isaAVX2       = C.ISA_AVX2       // AVX2, FMA, F16C
	isaAVX512     = C.ISA_AVX512     // AVX-512 F, BW, DQ, VL, CD
	isaAVX512BF16 = C.ISA_AVX512BF16 // and the bf16 dot product
	isaCount      = C.ISA_COUNT
)

var isaNames = [isaCount]string{"generic", "avx2", "avx512", "avx512bf16"}

// hostISA is the best instruction set of this machine.
var hostISA = int(C.host_isa())

// variantInfo is one implementation of an op. Variants of one op with equal bits give the same bits.
type variantInfo struct {
	isa  int
	bits string
}

// table lists the variants of every op by instruction set; it is filled by init functions and then only read.
var table = map[string][]variantInfo{}

// register adds an op with its variants, worst first. Every op has a generic one.
func register(op string, variants ...variantInfo) {
	if _, twice := table[op]; twice || len(variants) == 0 || variants[0].isa != isaGeneric {
		panic("cpu: register: " + op + " is registered twice or has no generic variant")
	}
	table[op] = variants
}

// pick returns the instruction set whose variant of op is in use: the forced one, else the best one this machine runs.
func (b *Backend) pick(op string) int {
	variants, ok := table[op]
	if !ok {
		panic("cpu: pick: no op " + op)
	}
	want := kernels.Forced(op)
	best := isaGeneric
	for _, v := range variants {
		if v.isa <= hostISA {
			if isaNames[v.isa] == want {
				return v.isa
			}
			best = v.isa
		}
	}
	return best
}

// Variants lists the variants of every op, by name.
func (b *Backend) Variants() []kernels.Variant {
	var out []kernels.Variant
	for op, variants := range table {
		inUse := b.pick(op)
		for _, v := range variants {
			out = append(out, kernels.Variant{Op: op, Name: isaNames[v.isa], Available: v.isa <= hostISA, InUse: v.isa == inUse, Bits: v.bits})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Op < out[j].Op })
	return out
}

// shapeError panics: a wrong shape, dtype or combination is the caller's bug.
func shapeError(op, code string, tensors ...kernels.Tensor) {
	panic(&kernels.ShapeError{Op: op, Code: code, Detail: fmt.Sprint(tensors)})
}
