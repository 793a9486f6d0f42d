//go:build cuda && emulator

package cuda

import (
	"testing"
	"unsafe"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/kerneltest"
	"github.com/primer-lm/primer/kernels/ref"
)

// scoring is the reference with loss, sums, optimizer and sampling taken from the device: conformance of these alone, on the
// reference's memory.
type scoring struct {
	kernels.Backend
	dev *Backend
}

// openScoring has one multiprocessor, so that AdamW's blocks loop.
func openScoring() (kernels.Backend, error) {
	b := ref.Open(ref.Options{Ordered: true})
	mem, err := b.Alloc(kernels.MemWorkspace, sumBytes+failureBytes)
	if err != nil {
		return nil, err
	}
	return &scoring{b, &Backend{multiprocessors: 1, sums: mem.Addr, failures: mem.Addr + sumBytes}}, nil
}

func (o *scoring) report() []byte {
	at := o.dev.failures
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), failureBytes)
}

// Sync reports the device's failure, if it has one, and forgets it.
func (o *scoring) Sync() error {
	var first error
	for _, err := range []error{o.Backend.Sync(), o.dev.sticky, o.dev.failureOf(o.report())} {
		if first == nil {
			first = err
		}
	}
	clear(o.report())
	o.dev.sticky = nil
	return first
}

func (o *scoring) Read(dst []byte, src kernels.Tensor) error {
	if err := o.Sync(); err != nil {
		return err
	}
	return o.Backend.Read(dst, src)
}

func (o *scoring) CrossEntropy(a kernels.CrossEntropyArgs) { o.dev.CrossEntropy(a) }
func (o *scoring) Sum(a kernels.SumArgs)                   { o.dev.Sum(a) }
func (o *scoring) SumSquares(a kernels.SumSquaresArgs)     { o.dev.SumSquares(a) }
func (o *scoring) Clip(a kernels.ClipArgs)                 { o.dev.Clip(a) }
func (o *scoring) AdamW(a kernels.AdamWArgs)               { o.dev.AdamW(a) }
func (o *scoring) Sample(a kernels.SampleArgs)             { o.dev.Sample(a) }
func (o *scoring) SamplePlan(a kernels.SampleArgs) int64   { return o.dev.SamplePlan(a) }
func (o *scoring) Variants() []kernels.Variant             { return o.dev.Variants() }

// Fill is the reference's, but skips after a failure of the device.
func (o *scoring) Fill(a kernels.FillArgs) {
	if o.dev.sticky == nil && o.dev.failureOf(o.report()) == nil {
		o.Backend.Fill(a)
	}
}

func TestScoringOpsConform(t *testing.T) {
	kerneltest.RunAll(t, kerneltest.Options{Open: openScoring})
}

// bench makes tensors on a backend for one test.
type bench struct {
	kernels.Backend
	t *testing.T
}

func newBench(t *testing.T) bench {
	b, err := openScoring()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return bench{b, t}
}

// tensor makes a tensor that begins `odd` elements after an aligned address.
func (b bench) tensor(d kernels.DType, odd int64, dims ...int64) kernels.Tensor {
	mem, err := b.Alloc(kernels.MemInputs, (kernels.ShapeOf(d, dims...).Len()+odd)*d.Size())
	if err != nil {
		b.t.Fatal(err)
	}
	return kernels.NewTensor(mem, odd*d.Size(), d, dims...)
}

// floats makes an F32 or BF16 tensor of values.
func (b bench) floats(d kernels.DType, odd int64, values []float32, dims ...int64) kernels.Tensor {
	x := b.tensor(d, odd, dims...)
	for i, v := range values {
		if d == kernels.BF16 {
			x.HostU16()[i] = ref.Float64ToBF16(float64(v))
		} else {
			x.HostF32()[i] = v
		}
	}
	return x
}

func (b bench) sync() {
	b.t.Helper()
	if err := b.Sync(); err != nil {
		b.t.Fatal(err)
	}
}
