//go:build cuda

package cuda

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// probe makes the tensors of one run: the same numbers for the same name on every backend.
type probe struct {
	kernels.Backend
	t       *testing.T
	shift   int64 // elements by which tensors are off a multiple of 16 bytes
	outputs []kernels.Tensor
	before  [][]byte // what they held
	held    []*kernels.Memory
}

// tensor holds data. The bytes around it are no numbers.
func (b *probe) tensor(d kernels.DType, data []byte, dims ...int64) kernels.Tensor {
	mem, err := b.Alloc(kernels.MemInputs, int64(len(data))+64)
	if err != nil {
		b.t.Fatal(err)
	}
	b.held = append(b.held, mem)
	b.Write(kernels.NewTensor(mem, 0, kernels.U8, mem.Size), bytes.Repeat([]byte{0xff}, int(mem.Size)))
	t := kernels.NewTensor(mem, b.shift*d.Size(), d, dims...)
	b.Write(t, data)
	return t
}

// normals are n normally distributed numbers in the bytes of d.
func normals(name string, d kernels.DType, n int64) []byte {
	h := fnv.New64a()
	fmt.Fprint(h, name)
	rng, out := rand.New(rand.NewPCG(h.Sum64(), 2)), make([]byte, 0, n*d.Size())
	for range n {
		switch v := rng.NormFloat64(); d {
		case kernels.F32:
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
		case kernels.BF16:
			out = binary.LittleEndian.AppendUint16(out, ref.Float64ToBF16(v))
		case kernels.F16:
			out = binary.LittleEndian.AppendUint16(out, ref.Float64ToF16(v))
		}
	}
	return out
}

func (b *probe) in(name string, d kernels.DType, dims ...int64) kernels.Tensor {
	return b.tensor(d, normals(name, d, kernels.ShapeOf(d, dims...).Len()), dims...)
}

// out is an output; it starts with numbers, since it may be accumulated into.
func (b *probe) out(name string, d kernels.DType, dims ...int64) kernels.Tensor {
	before := normals("before "+name, d, kernels.ShapeOf(d, dims...).Len())
	t := b.tensor(d, before, dims...)
	b.outputs, b.before = append(b.outputs, t), append(b.before, before)
	return t
}

// tokensBelow are n numbers below limit, every third the same.
func tokensBelow(n, limit int64) []int32 {
	rng, out := rand.New(rand.NewPCG(7, 7)), make([]int32, n)
	for i := range out {
		out[i] = int32(rng.Int64N(limit))
		if i%3 == 0 {
			out[i] = int32(limit / 2)
		}
	}
	return out
}

func (b *probe) ints(values ...int32) kernels.Tensor {
	data, _ := binary.Append(nil, binary.LittleEndian, values) // cannot fail
	return b.tensor(kernels.I32, data, int64(len(values)))
}

func (b *probe) longs(values ...int64) kernels.Tensor {
	data, _ := binary.Append(nil, binary.LittleEndian, values) // cannot fail
	return b.tensor(kernels.I64, data, int64(len(values)))
}

func (b *probe) work(n int64) kernels.Tensor {
	return b.tensor(kernels.U8, bytes.Repeat([]byte{0xff}, int(max(n, 1))), max(n, 1))
}

// results waits and reads the outputs; the tensors are gone then.
func (b *probe) results() [][]byte {
	b.t.Helper()
	var out [][]byte
	for _, t := range b.outputs {
		data := make([]byte, t.Bytes())
		if err := b.Read(data, t); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, data)
	}
	for _, mem := range b.held {
		b.Free(mem)
	}
	return out
}

// worstError is the largest error in units of what is allowed: a rounding of a two-byte type, 4e-6 of the largest number in f32.
// NaN is no error where it is wanted.
func worstError(d kernels.DType, got, want []byte) float64 {
	g, w := numbers(d, got), numbers(d, want)
	largest, worst := 0.0, 0.0
	for _, v := range w {
		if a := math.Abs(v); a > largest && !math.IsInf(v, 0) {
			largest = a
		}
	}
	for i, v := range w {
		allowed := 4e-6 * largest
		if d != kernels.F32 {
			allowed += math.Abs(v) / 127
		}
		if v == g[i] || (math.IsNaN(v) && math.IsNaN(g[i])) {
			continue
		}
		if err := math.Abs(g[i]-v) / allowed; !(err <= worst) {
			worst = err
		}
	}
	return worst
}

func numbers(d kernels.DType, data []byte) []float64 {
	out := make([]float64, int64(len(data))/d.Size())
	for i := range out {
		switch p := data[int64(i)*d.Size():]; d {
		case kernels.F32:
			out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(p)))
		case kernels.BF16:
			out[i] = float64(ref.BF16ToFloat32(binary.LittleEndian.Uint16(p)))
		case kernels.F16:
			out[i] = ref.F16ToFloat64(binary.LittleEndian.Uint16(p))
		}
	}
	return out
}
