package cpu

// #include "team.h"
import "C"

import "github.com/primer-lm/primer/kernels"

// registerVectors adds an op whose body is written once against vec.h. Its sums run over the lanes of a vector, so every
// instruction set has bits of its own.
func registerVectors(ops ...string) {
	for _, op := range ops {
		register(op, variantInfo{isaGeneric, "generic"}, variantInfo{isaAVX2, "avx2"}, variantInfo{isaAVX512, "avx512"})
	}
}

func addr(t kernels.Tensor) C.uintptr_t { return C.uintptr_t(t.Addr) }

func dtype(t kernels.Tensor) C.int32_t { return C.int32_t(t.Type) }

func cbool(b bool) C.int32_t {
	if b {
		return 1
	}
	return 0
}

// needWork panics unless a workspace has the bytes its plan asked for.
func needWork(op string, work kernels.Tensor, plan int64) {
	if work.Bytes() < plan {
		shapeError(op, "Work is smaller than its plan", work, kernels.ShapeOf(kernels.U8, plan))
	}
}
