package ref

import (
	"fmt"
	"sync"

	"github.com/primer-lm/primer/kernels"
)

// Options choose how the reference computes.
type Options struct {
	Ordered bool // matrix products in the contract's order of float32 operations instead of float64
}

// Backend is the reference device. It implements kernels.Backend.
type Backend struct {
	options Options

	mu     sync.Mutex
	usage  kernels.Usage
	blocks map[*kernels.Memory][]byte // the whole mapping, guard pages included; nil for mapped host bytes
	failed error                      // the first failure since the last Sync
}

var _ kernels.Backend = (*Backend)(nil)

// Open returns a reference device.
func Open(o Options) *Backend {
	return &Backend{options: o, blocks: map[*kernels.Memory][]byte{}}
}

// Name returns "ref".
func (b *Backend) Name() string { return "ref" }

// Variants lists the one way in which every op runs.
func (b *Backend) Variants() []kernels.Variant {
	name, bits := "float64", "float64"
	if b.options.Ordered {
		name, bits = "ordered", "chain"
	}
	out := []kernels.Variant{{Op: "linear", Name: name, Bits: bits, Available: true, InUse: true}}
	for _, op := range []string{"embed", "rmsnorm", "rope", "attention", "glu", "dropout", "cross_entropy", "sum", "sum_squares",
		"clip", "adamw", "copy", "fill", "paged_write", "paged_attention", "sample"} {
		out = append(out, kernels.Variant{Op: op, Name: "float64", Bits: "float64", Available: true, InUse: true})
	}
	return out
}

// Sync returns the first failure since the last Sync, after which operations run again.
func (b *Backend) Sync() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.failed
	b.failed = nil
	return err
}

// Write copies host bytes into a tensor.
func (b *Backend) Write(dst kernels.Tensor, src []byte) {
	if int64(len(src)) != dst.Bytes() {
		panic(&kernels.ShapeError{Op: "write", Code: "lengths differ", Detail: fmt.Sprintf("%v from %d bytes", dst, len(src))})
	}
	b.run(func() error { copy(dst.HostBytes(), src); return nil })
}

// Read copies a tensor to the host.
func (b *Backend) Read(dst []byte, src kernels.Tensor) error {
	if int64(len(dst)) != src.Bytes() {
		panic(&kernels.ShapeError{Op: "read", Code: "lengths differ", Detail: fmt.Sprintf("%v into %d bytes", src, len(dst))})
	}
	if err := b.Sync(); err != nil {
		return err
	}
	copy(dst, src.HostBytes())
	return nil
}

// run does one operation, unless one before it has failed, and returns the first failure since the last Sync.
func (b *Backend) run(op func() error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failed == nil {
		b.failed = op()
	}
	return b.failed
}

// deviceError is a failure that depends on the data: bad tokens, targets, slots.
func deviceError(op, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", kernels.ErrDevice, op, fmt.Sprintf(format, args...))
}
