package kernels

import (
	"errors"
	"fmt"
)

// MemoryKind says what an allocation is counted as, in plans, in peak counters and in reports.
type MemoryKind uint8

// The kinds of memory.
const (
	MemWeights MemoryKind = iota
	MemGradients
	MemOptimizer
	MemActivations
	MemWorkspace
	MemCache
	MemInputs
	MemStaging // on the host: what copies from and to a device pass through (pinned where that matters)
	NumMemoryKinds
)

var memoryKindNames = [...]string{"weights", "gradients", "optimizer", "activations", "workspace", "cache", "inputs", "staging"}

func (k MemoryKind) String() string { return memoryKindNames[k] }

// Usage is the memory held and its peak, in bytes, by kind.
type Usage struct{ Now, Peak [NumMemoryKinds]int64 }

// Errors of the world, to be told apart with errors.Is.
var (
	ErrNoDevice      = errors.New("no such device")
	ErrOutOfMemory   = errors.New("out of device memory")
	ErrDevice        = errors.New("device failure")
	ErrUnknownForced = errors.New("unknown kernel variant")
)

// ShapeError is the value of the panic that answers a caller's bug: a wrong shape, dtype or combination.
type ShapeError struct {
	Op     string // op name, as in the variant table
	Code   string // a constant text
	Detail string // the shapes seen
}

func (e *ShapeError) Error() string { return fmt.Sprintf("%s: %s: %s", e.Op, e.Code, e.Detail) }

// Backend is one device with its queue. All methods may be called from any goroutine, but the order of operations is the
// order of the calls: one goroutine (or a lock) issues a step.
type Backend interface {
	// Name is what the user typed: "cpu", "cuda:0", "ref".
	Name() string
	// Alloc returns zeroed memory, 64-byte aligned. It fails with ErrOutOfMemory, naming bytes and kind.
	Alloc(kind MemoryKind, bytes int64) (*Memory, error)
	// Free gives memory back once everything issued before has run.
	Free(*Memory)
	// Map makes host bytes (outside Go's heap, e.g. a mapped file) usable as weights: in place where the device can read
	// host memory, copied where it cannot. The bytes must outlive the Memory.
	Map(kind MemoryKind, host []byte) (*Memory, error)
	// Usage reports memory by kind.
	Usage() Usage
	// Held is the part of Usage that the backend itself holds from Open to Close, whatever is computed on it.
	Held() [NumMemoryKinds]int64

	// Write issues a copy from host to device. src may be changed as soon as it returns.
	Write(dst Tensor, src []byte)
	// Read waits for everything issued before and copies from device to host.
	Read(dst []byte, src Tensor) error
	// OpenReadback makes room on the host for results of that many bytes that are read while the device goes on, counted as
	// MemStaging. It fails with ErrOutOfMemory.
	OpenReadback(bytes int64) (Readback, error)
	// Sync waits for everything issued and returns the first failure since the last Sync.
	Sync() error
	// Close waits, ends the device's threads and frees what is left.
	Close() error

	// Variants lists the variants of every op on this machine, available or not, and which are in use.
	Variants() []Variant

	EmbedOps
	LinearOps
	NormOps
	RopeOps
	AttentionOps
	GLUOps
	DropoutOps
	CrossEntropyOps
	OptimizerOps
	CopyOps
	PagedOps
	SampleOps
}

// Peaks is what a device can do, measured, not looked up: the yardstick of benchmarks and progress lines.
type Peaks struct {
	GEMM32 float64 // f32 multiply-adds × 2, FLOP/s
	GEMM16 float64 // bf16, FLOP/s; 0 where there is no faster bf16 path
	Copy   float64 // bytes read plus bytes written per second, of a copy larger than the caches
}

// PeakMeter is a backend that can measure its own peaks. It takes about half a second.
type PeakMeter interface{ MeasurePeaks() (Peaks, error) }
