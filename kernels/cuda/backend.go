//go:build cuda

// Package cuda is the CUDA device: NVIDIA GPUs from compute capability 8.0 on. It is built with tag cuda only.
//
// Programs take it as device.Open("cuda:0"). The driver is reached through gorgonia.org/cu and one small C file, both linked
// against the jump slots of native/cudashim, which Open fills from libcuda.so.1: a binary runs where there is no driver, and
// Open says so. Kernels are the .cu files here, embedded, compiled by NVRTC for the GPU present and kept in the user's cache
// folder. Products come from cuBLASLt.
//
// Where to begin: launch.go (how an op reaches its kernel), driver.go (Open, Sync, Write, Read), memory.go, compile.go. Every
// op is op.go (checks, arguments) and op.cu (the kernel); prims.cuh is what kernels are written with.
package cuda

import (
	"fmt"
	"sync"

	"gorgonia.org/cu"

	"github.com/primer-lm/primer/kernels"
)

// Built says whether this binary can use CUDA devices.
const Built = true

// Backend is one GPU with its queue, which is one stream.
type Backend struct {
	gpu
	multiprocessors int     // of the GPU; what grids that loop are sized by
	nvrtc           string  // version of the compiler
	failures        uintptr // device address of the struct failure that kernels report to
	sums            uintptr // device address of sumBytes for the parts of a sum

	issue     sync.Mutex // held for the time of a call that issues; guards what follows
	context   cu.CUContext
	stream    cu.Stream
	retained  bool
	streaming bool
	capturing bool
	sticky    error // first failure of a call since the last Sync

	modules   []cu.Module
	homes     map[string]cu.Module // of each kernel
	functions map[string]*function
	pool      uintptr
	staging   staging
	memory    memory
	products  products
}

// Name is "cuda:0" and so on.
func (b *Backend) Name() string { return fmt.Sprintf("cuda:%d", b.ordinal) }

// dims is the number of blocks of a grid.
type dims struct{ x, y, z int }

// addr is a tensor's device address; 0 for an absent one.
func addr(t kernels.Tensor) uintptr {
	if t.IsZero() {
		return 0
	}
	return t.Addr
}

// suffix is the end of the name of a kernel whose activations are as t's.
func suffix(t kernels.Tensor) string {
	switch t.Type {
	case kernels.F32:
		return "_f32"
	case kernels.BF16:
		return "_bf16"
	}
	panic(&kernels.ShapeError{Op: "cuda", Code: "no kernels of this dtype", Detail: t.String()})
}

// ceilDiv is a / b, rounded up.
func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }

// needWork panics unless work has the bytes that the op's Plan asks for.
func needWork(op string, work kernels.Tensor, plan int64) {
	if plan > 0 && (work.IsZero() || work.Bytes() < plan) {
		panic(&kernels.ShapeError{Op: op, Code: "workspace is smaller than the plan", Detail: fmt.Sprintf("have %v, need %d bytes", work, plan)})
	}
}
