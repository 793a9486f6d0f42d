//go:build cuda

package cuda

/*
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"

	"gorgonia.org/cu"

	"github.com/primer-lm/primer/kernels"
)

// minDriver is the first driver that runs what NVRTC 12 compiles; 12.0 is 12000.
const minDriver = 12000

// minCapability is the first GPU with bf16 on its tensor cores and asynchronous copies to shared memory.
const minCapability = 80

// gpu is what Open found out about a device.
type gpu struct {
	device     cu.Device
	ordinal    int
	driver     int    // version: 12040 is 12.4
	capability int    // 80, 90, …
	name       string // "NVIDIA H200"
	processors int
	bytes      int64 // of memory
	pools      int   // 1: memory can be allocated in a stream's order
	shared     int   // bytes of shared memory that one block may have
}

// openGPU finds the GPU with the given number and checks that it can be used.
func openGPU(ordinal int) (gpu, error) {
	g := gpu{ordinal: ordinal}
	if err := fillDriver(); err != nil {
		return g, err
	}
	if err := driverError(C.driver_init()); err != nil {
		return g, fmt.Errorf("%w: the NVIDIA driver does not start: %w", kernels.ErrNoDevice, err)
	}
	g.driver = cu.Version()
	if err := checkDriver(g.driver); err != nil {
		return g, err
	}
	n, err := cu.NumDevices()
	if err != nil {
		return g, fmt.Errorf("%w: counting GPUs: %w", kernels.ErrNoDevice, err)
	}
	if ordinal < 0 || ordinal >= n {
		return g, fmt.Errorf("%w: there is no GPU %d: the driver sees %d (CUDA_VISIBLE_DEVICES hides some)", kernels.ErrNoDevice, ordinal, n)
	}
	if err := g.query(); err != nil {
		return g, err
	}
	return g, g.check()
}

// checkDriver refuses a driver that does not run what NVRTC compiles.
func checkDriver(version int) error {
	if version >= minDriver {
		return nil
	}
	return fmt.Errorf("%w: the NVIDIA driver is too old: it is for CUDA %s, CUDA %s or newer is needed (driver 525.60 or newer)",
		kernels.ErrNoDevice, cudaVersion(version), cudaVersion(minDriver))
}

// check refuses a GPU without what the kernels are built on.
func (g gpu) check() error {
	switch {
	case g.capability < minCapability:
		return fmt.Errorf("%w: %s has compute capability %d.%d; the kernels need 8.0 (A100) or newer",
			kernels.ErrNoDevice, g.name, g.capability/10, g.capability%10)
	case g.pools == 0:
		return fmt.Errorf("%w: %s has no stream-ordered memory pools, as some shared (vGPU) devices; they are needed", kernels.ErrNoDevice, g.name)
	}
	return nil
}

// query asks the driver about the GPU.
func (g *gpu) query() (err error) {
	if g.device, err = cu.GetDevice(g.ordinal); err != nil {
		return fmt.Errorf("%w: GPU %d: %w", kernels.ErrNoDevice, g.ordinal, err)
	}
	if g.name, err = g.device.Name(); err != nil {
		return fmt.Errorf("%w: GPU %d has no name: %w", kernels.ErrNoDevice, g.ordinal, err)
	}
	if g.bytes, err = g.device.TotalMem(); err != nil {
		return fmt.Errorf("%w: memory of %s: %w", kernels.ErrNoDevice, g.name, err)
	}
	var major, minor int
	for attribute, into := range map[cu.DeviceAttribute]*int{
		cu.ComputeCapabilityMajor: &major, cu.ComputeCapabilityMinor: &minor, cu.MultiprocessorCount: &g.processors,
		maxSharedOptIn: &g.shared, memoryPools: &g.pools,
	} {
		if *into, err = g.device.Attribute(attribute); err != nil {
			return fmt.Errorf("%w: attribute %d of %s: %w", kernels.ErrNoDevice, attribute, g.name, err)
		}
	}
	g.capability = 10*major + minor
	return nil
}

// Attributes that cu has no names for.
const (
	maxSharedOptIn cu.DeviceAttribute = 97
	memoryPools    cu.DeviceAttribute = 115
)

// arch is what NVRTC compiles for: "sm_80", and "sm_90a" for what is Hopper's own.
func (g gpu) arch() string {
	if g.capability == 90 {
		return "sm_90a"
	}
	return fmt.Sprintf("sm_%d", g.capability)
}

func cudaVersion(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// inContext runs f on a thread whose context is the backend's.
func (b *Backend) inContext(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cu.SetCurrentContext(b.context); err != nil {
		return err
	}
	return f()
}

// driverError turns a CUresult into an error.
func driverError(r C.int) error {
	if r == 0 {
		return nil
	}
	var text [256]C.char
	C.driver_error(r, &text[0], C.size_t(len(text)))
	return &cudaError{int(r), C.GoString(&text[0])}
}

// cudaError is an error of the driver.
type cudaError struct {
	code int
	text string
}

func (e *cudaError) Error() string { return e.text }

// cudaOutOfMemory is CUDA_ERROR_OUT_OF_MEMORY.
const cudaOutOfMemory = 2

// kindOf is the sentinel for an error of the driver or of cuBLASLt: kernels.ErrOutOfMemory or kernels.ErrDevice.
func kindOf(err error) error {
	var e *cudaError
	if errors.Is(err, cu.OutOfMemory) || (errors.As(err, &e) && e.code == cudaOutOfMemory) {
		return kernels.ErrOutOfMemory
	}
	return kernels.ErrDevice
}
