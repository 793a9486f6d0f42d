//go:build cuda

package cuda

/*
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/primer-lm/primer/kernels"
)

// Open opens GPU number device.
func Open(device int) (kernels.Backend, error) {
	b, err := openBackend(device)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// openBackend opens a GPU: its context, one stream, the kernels compiled for it, and cuBLASLt. What is missing for that is an
// error that wraps kernels.ErrNoDevice and says what was looked for and where.
func openBackend(ordinal int) (*Backend, error) {
	g, err := openGPU(ordinal)
	if err != nil {
		return nil, fmt.Errorf("cuda:%d: %w", ordinal, err)
	}
	b := &Backend{gpu: g, multiprocessors: g.processors, functions: map[string]*function{}}
	b.memory.live, b.memory.own = map[*kernels.Memory]bool{}, map[uintptr]owned{}
	if err := b.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("cuda:%d: %w", ordinal, err), b.Close())
	}
	return b, nil
}

// start makes what a backend holds of its GPU, one after the other; Close takes back what there is.
func (b *Backend) start() (err error) {
	compiler, err := openCompiler(b.driver)
	if err != nil {
		return err
	}
	b.nvrtc = compiler.nvrtc.version
	if b.products.blas, err = openBLAS(b.driver); err != nil {
		return err
	}
	if b.context, err = b.gpu.device.RetainPrimaryCtx(); err != nil {
		return fmt.Errorf("%w: no context on %s: %w", kindOf(err), b.gpu.name, err)
	}
	b.retained = true
	if err := b.inContext(b.startStream); err != nil {
		return err
	}
	var pool C.uintptr_t
	if err := driverError(C.driver_pool(C.int(b.gpu.device), &pool)); err != nil {
		return fmt.Errorf("%w: memory pool: %w", kindOf(err), err)
	}
	b.pool = uintptr(pool)
	if err := b.startMemory(); err != nil {
		return err
	}
	if err := b.products.start(b); err != nil {
		return err
	}
	images, err := compiler.images(b.arch())
	if err != nil {
		return err
	}
	return b.inContext(func() error { return b.load(images) })
}

func (b *Backend) startStream() (err error) {
	if b.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return fmt.Errorf("%w: no stream: %w", kindOf(err), err)
	}
	b.streaming = true
	return b.staging.start(b)
}

// startMemory allocates what kernels report failures to, and where the parts of a sum stand.
func (b *Backend) startMemory() (err error) {
	if b.failures, err = b.deviceAlloc(failureBytes); err != nil {
		return b.allocError(kernels.MemWorkspace, failureBytes, err)
	}
	if b.sums, err = b.deviceAlloc(sumBytes); err != nil {
		return b.allocError(kernels.MemWorkspace, sumBytes, err)
	}
	return nil
}

// queue is the stream with its context, as the C functions take it.
func (b *Backend) queue() C.driver_queue {
	return C.driver_queue{
		context: *(*C.uintptr_t)(unsafe.Pointer(&b.context)),
		stream:  *(*C.uintptr_t)(unsafe.Pointer(&b.stream)),
	}
}

// Close waits, frees what is left and lets the GPU go. Calling it again does nothing.
func (b *Backend) Close() error {
	if !b.retained {
		return nil
	}
	var problems []error
	if b.streaming && b.failures != 0 {
		problems = append(problems, b.Sync())
	}
	b.issue.Lock()
	defer b.issue.Unlock()
	problems = append(problems, b.products.stop(b), b.freeAll())
	problems = append(problems, b.inContext(func() error {
		for _, m := range b.modules {
			problems = append(problems, m.Unload())
		}
		b.modules, b.homes, b.functions = nil, nil, nil
		problems = append(problems, b.staging.stop(b))
		if b.streaming {
			problems = append(problems, b.stream.Synchronize(), b.stream.Destroy())
		}
		return cu.SetCurrentContext(cu.CUContext{})
	}), b.gpu.device.ReleasePrimaryCtx())
	b.retained, b.streaming = false, false
	return errors.Join(problems...)
}
