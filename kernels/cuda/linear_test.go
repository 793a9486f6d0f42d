//go:build cuda

package cuda

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// matrix is a tensor on the device with what it holds, as float64.
type matrix struct {
	kernels.Tensor
	v []float64
}

// newMatrix allocates rows × columns at an odd element of its memory and writes values that bf16 has.
func newMatrix(t *testing.T, b *Backend, d kernels.DType, seed, rows, columns int64) matrix {
	t.Helper()
	mem, err := b.Alloc(kernels.MemActivations, (rows*columns+1)*d.Size())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Free(mem) })
	m := matrix{kernels.NewTensor(mem, d.Size(), d, rows, columns), make([]float64, rows*columns)}
	raw := make([]byte, 0, m.Bytes())
	for i := range m.v {
		f := float32((int64(i)*37+seed*11)%61-30) / 32
		m.v[i] = float64(f)
		raw = appendAs(raw, d, f)
	}
	b.Write(m.Tensor, raw)
	return m
}

func appendAs(raw []byte, d kernels.DType, f float32) []byte {
	if d == kernels.F32 {
		return binary.LittleEndian.AppendUint32(raw, math.Float32bits(f))
	}
	return binary.LittleEndian.AppendUint16(raw, uint16(math.Float32bits(f)>>16)) // exact: the values are short
}

// check holds what the device has against want; bf16 may be off by a rounding.
func (m matrix) check(t *testing.T, b *Backend, what string, want []float64) {
	t.Helper()
	raw := make([]byte, m.Bytes())
	if err := b.Read(raw, m.Tensor); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for i, w := range want {
		got, tolerance := 0.0, 1e-5
		if m.Type == kernels.F32 {
			got = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		} else {
			got, tolerance = float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(raw[2*i:]))<<16)), 1./256
		}
		if !(math.Abs(got-w) <= tolerance*max(1, math.Abs(w))) {
			t.Errorf("%s: element %d is %v, want %v", what, i, got, w)
			return
		}
	}
}

// product is Σ_k at(i,k)·bt(k,j), plus start.
func product(n, m, k int64, x, y func(i, k int64) float64, start func(i, j int64) float64) []float64 {
	out := make([]float64, n*m)
	for i := range n {
		for j := range m {
			sum := start(i, j)
			for l := range k {
				sum += x(i, l) * y(j, l)
			}
			out[i*m+j] = sum
		}
	}
	return out
}

func (m matrix) at(i, j int64) float64     { return m.v[i*m.Dim(1)+j] }
func (m matrix) turned(i, j int64) float64 { return m.v[j*m.Dim(1)+i] }
func none(int64, int64) float64            { return 0 }

var acts = []kernels.DType{kernels.F32, kernels.BF16}

// Products in all combinations of dtypes, in one piece and in pieces of a few rows.
func TestProducts(t *testing.T) {
	b := opened(t)
	for _, room := range []int64{productScratch, 2*scratchAlign + 700} {
		b.products.room = room
		for _, s := range [][3]int64{{1, 1, 1}, {5, 7, 33}, {15, 9, 16}} {
			for c := range 32 {
				bit := func(i int) int { return c >> i & 1 }
				t.Run(fmt.Sprintf("room=%d,%v,%05b", room, s, c), func(t *testing.T) {
					testProducts(t, b, s[0], s[1], s[2], acts[bit(0)], acts[bit(1)], acts[bit(2)], bit(3) == 1, bit(4) == 1)
				})
			}
		}
	}
}

func testProducts(t *testing.T, b *Backend, n, o, i int64, xType, wType, yType kernels.DType, accumulate, biased bool) {
	x, dy := newMatrix(t, b, xType, 1, n, i), newMatrix(t, b, xType, 2, n, o)
	w := newMatrix(t, b, wType, 3, o, i)
	weight, err := b.Prepare(w.Tensor, kernels.WeightTrained)
	if err != nil {
		t.Fatal(err)
	}
	y, dx, dw := newMatrix(t, b, yType, 4, n, o), newMatrix(t, b, yType, 5, n, i), newMatrix(t, b, kernels.F32, 6, o, i)
	bias := newMatrix(t, b, kernels.F32, 7, 1, o)
	start := func(old matrix) func(int64, int64) float64 {
		if accumulate {
			return old.at
		}
		return none
	}
	forward := kernels.LinearArgs{Y: y.Tensor, X: x.Tensor, W: weight, Accumulate: accumulate && !biased}
	from := start(y)
	if biased {
		forward.Bias = bias.Reshape(o)
		from = func(_, j int64) float64 { return bias.v[j] }
	}
	b.Linear(forward)
	y.check(t, b, "y", product(n, o, i, x.at, w.at, from))
	b.LinearBackwardInput(kernels.LinearBackwardInputArgs{DX: dx.Tensor, DY: dy.Tensor, W: weight, Accumulate: accumulate})
	dx.check(t, b, "dx", product(n, i, o, dy.at, w.turned, start(dx)))
	backward := kernels.LinearBackwardWeightArgs{DW: dw.Tensor, DY: dy.Tensor, X: x.Tensor, Math: wType, Accumulate: accumulate}
	if biased {
		backward.DBias = bias.Reshape(o)
	}
	b.LinearBackwardWeight(backward)
	dw.check(t, b, "dw", product(o, i, n, dy.turned, x.turned, start(dw)))
	if biased {
		one := func(int64, int64) float64 { return 1 }
		bias.check(t, b, "dbias", product(1, o, n, one, dy.turned, start(bias)))
	}
	b.Release(weight)
}

// A gradient over no rows is zero, or what it was.
func TestProductsOfNoRows(t *testing.T) {
	b := opened(t)
	x, dy := newMatrix(t, b, kernels.BF16, 1, 0, 5), newMatrix(t, b, kernels.BF16, 2, 0, 3)
	for _, accumulate := range []bool{true, false} {
		dw, dbias := newMatrix(t, b, kernels.F32, 3, 3, 5), newMatrix(t, b, kernels.F32, 4, 1, 3)
		b.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{
			DW: dw.Tensor, DBias: dbias.Reshape(3), DY: dy.Tensor, X: x.Tensor, Math: kernels.BF16, Accumulate: accumulate,
		})
		if !accumulate {
			clear(dw.v)
			clear(dbias.v)
		}
		dw.check(t, b, "dw", dw.v)
		dbias.check(t, b, "dbias", dbias.v)
	}
}

// Weights in f16 become f32, exactly, denormal ones too.
func TestPrepareF16(t *testing.T) {
	b := opened(t)
	mem, err := b.Alloc(kernels.MemWeights, 16)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free(mem)
	w := kernels.NewTensor(mem, 0, kernels.F16, 2, 4)
	var raw []byte
	for _, half := range []uint16{0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x3555, 0x0400, 0xfc00} {
		raw = binary.LittleEndian.AppendUint16(raw, half)
	}
	b.Write(w, raw)
	before := b.Usage().Now[kernels.MemWeights]
	prepared, err := b.Prepare(w, kernels.WeightFrozen)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 32)
	if err := b.Read(got, prepared.Tensor); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{1, -2, 0x1p-24, 65504, 0, 0x1.554p-2, 0x1p-14, float32(math.Inf(-1))} {
		if f := math.Float32frombits(binary.LittleEndian.Uint32(got[4*i:])); f != want {
			t.Errorf("element %d is %v, want %v", i, f, want)
		}
	}
	b.Release(prepared)
	if after := b.Usage().Now[kernels.MemWeights]; after != before {
		t.Errorf("%d bytes of weights are held after Release, %d before", after, before)
	}
}
