//go:build cuda

package cuda

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// scorer makes tensors on the device, and reads them, for one test.
type scorer struct {
	*Backend
	t *testing.T
}

func newScorer(t *testing.T) scorer {
	t.Helper()
	b, err := openBackend(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return scorer{b, t}
}

// tensor makes a tensor of zeros that begins `odd` elements after an aligned address.
func (r scorer) tensor(d kernels.DType, odd int64, dims ...int64) kernels.Tensor {
	r.t.Helper()
	mem, err := r.Alloc(kernels.MemInputs, (kernels.ShapeOf(d, dims...).Len()+odd)*d.Size())
	if err != nil {
		r.t.Fatal(err)
	}
	return kernels.NewTensor(mem, odd*d.Size(), d, dims...)
}

// floats makes an F32 or BF16 tensor of values, ints an I32 or I64 one.
func (r scorer) floats(d kernels.DType, odd int64, values []float32, dims ...int64) kernels.Tensor {
	r.t.Helper()
	var out []byte
	for _, v := range values {
		if d == kernels.BF16 {
			out = binary.LittleEndian.AppendUint16(out, ref.Float64ToBF16(float64(v)))
		} else {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	x := r.tensor(d, odd, dims...)
	r.Write(x, out)
	return x
}

func (r scorer) ints(d kernels.DType, values ...int64) kernels.Tensor {
	r.t.Helper()
	var out []byte
	for _, v := range values {
		if d == kernels.I64 {
			out = binary.LittleEndian.AppendUint64(out, uint64(v))
		} else {
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(v)))
		}
	}
	x := r.tensor(d, 0, int64(len(values)))
	r.Write(x, out)
	return x
}

// bytes waits and reads tensors, one behind the other.
func (r scorer) bytes(tensors ...kernels.Tensor) []byte {
	r.t.Helper()
	var out []byte
	for _, x := range tensors {
		part := make([]byte, x.Bytes())
		if err := r.Read(part, x); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, part...)
	}
	return out
}

func (r scorer) f32(x kernels.Tensor) []float32 { return elements[float32](r, x) }
func (r scorer) f64(x kernels.Tensor) []float64 { return elements[float64](r, x) }
func (r scorer) i32(x kernels.Tensor) []int32   { return elements[int32](r, x) }

// elements waits and reads a tensor.
func elements[T float32 | float64 | int32](r scorer, x kernels.Tensor) []T {
	r.t.Helper()
	out := make([]T, x.Len())
	if _, err := binary.Decode(r.bytes(x), binary.LittleEndian, out); err != nil {
		r.t.Fatal(err)
	}
	return out
}
