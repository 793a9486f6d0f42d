package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// fma32 is fma in f32: the exact product plus c, rounded to odd in f64 and then to f32, which rounds once in effect.
func fma32(a, b, c float32) float32 {
	p, c64 := float64(a)*float64(b), float64(c)
	s := p + c64
	d := s - p
	e := (p - (s - d)) + (c64 - d)
	if u := math.Float64bits(s); e != 0 && u&1 == 0 && !math.IsInf(s, 0) {
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
		s = math.Float64frombits(u)
	}
	return float32(s)
}

func bf16(f float32) uint16 {
	u := math.Float32bits(f)
	if f != f {
		return uint16(u>>16) | 0x40
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

func fromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// flush takes denormals as zero.
func flush(f float32) float32 {
	if u := math.Float32bits(f); u&0x7f800000 == 0 {
		return math.Float32frombits(u & 0x80000000)
	}
	return f
}

// naive is the contract's chain of one output element over x[k]·w[k], with operands that lines has made.
func naive(acc float32, products kernels.DType, x, w []float32) float32 {
	if products == kernels.F32 {
		for k := range x {
			acc = flush(fma32(x[k], w[k], flush(acc)))
		}
		return acc
	}
	for k := 0; k < len(x); k += 2 {
		if k+1 < len(x) {
			acc = flush(fma32(x[k+1], w[k+1], flush(acc)))
		} else {
			acc = flush(acc) + 0
		}
		acc = flush(fma32(x[k], w[k], acc))
	}
	return acc
}

// lines returns the rows (or columns) of a matrix as the products take them: rounded for bf16, denormals as zero.
func lines(m *matrix, columns bool, products kernels.DType) [][]float32 {
	rows, cols, dr, dc := m.Dim(0), m.Dim(1), m.Dim(1), int64(1)
	if columns {
		rows, cols, dr, dc = cols, rows, 1, m.Dim(1)
	}
	out := make([][]float32, rows)
	for r := range out {
		out[r] = make([]float32, cols)
		for c := range out[r] {
			v := m.values[int64(r)*dr+int64(c)*dc]
			if products == kernels.BF16 {
				v = fromBF16(bf16(v))
			}
			out[r][c] = flush(v)
		}
	}
	return out
}

// matrix is a tensor with its values as f32 and a guard band behind it.
type matrix struct {
	kernels.Tensor
	values []float32
	guard  []byte
}

const guardByte = 0xa5

func newMatrix(t testing.TB, b *Backend, typ kernels.DType, rows, cols int64, value func() float32) *matrix {
	m := &matrix{values: make([]float32, rows*cols)}
	bytes := kernels.ShapeOf(typ, rows, cols).Bytes()
	mem, err := b.Alloc(kernels.MemActivations, bytes+64)
	if err != nil {
		t.Fatal(err)
	}
	m.Tensor = kernels.NewTensor(mem, 0, typ, rows, cols)
	m.guard = kernels.NewTensor(mem, bytes, kernels.U8, 64).HostBytes()
	for i := range m.guard {
		m.guard[i] = guardByte
	}
	for i := range m.values {
		m.set(i, value())
	}
	return m
}

func (m *matrix) set(i int, v float32) {
	if m.Type == kernels.F32 {
		m.HostF32()[i] = v
	} else {
		m.HostU16()[i] = bf16(v)
		v = fromBF16(bf16(v))
	}
	m.values[i] = v
}

// at is the value the matrix began with.
func (m *matrix) at(r, c int64) float32 { return m.values[r*m.Dim(1)+c] }

func (m *matrix) check(t *testing.T, name string, want func(r, c int64) float32) {
	t.Helper()
	for i, g := range m.guard {
		if g != guardByte {
			t.Fatalf("%s: byte %d behind the output was written", name, i)
		}
	}
	for r := range m.Dim(0) {
		for c := range m.Dim(1) {
			i := r*m.Dim(1) + c
			w := want(r, c)
			same := false
			var got float32
			if m.Type == kernels.F32 {
				got = m.HostF32()[i]
				same = math.Float32bits(got) == math.Float32bits(w)
			} else {
				got = fromBF16(m.HostU16()[i])
				same = m.HostU16()[i] == bf16(w)
			}
			if !same && !(got != got && w != w) {
				t.Fatalf("%s: [%d,%d] = %v (%08x), want %v (%08x)", name, r, c, got, math.Float32bits(got), w, math.Float32bits(w))
			}
		}
	}
}

func force(t testing.TB, b *Backend, spec string) {
	t.Helper()
	if err := kernels.Force(spec, b.Variants()); err != nil {
		t.Fatal(err)
	}
}

// eachVariant runs f with every variant of the op that this machine has.
func eachVariant(t *testing.T, b *Backend, op string, f func(name string)) {
	t.Helper()
	defer force(t, b, "")
	for _, v := range b.Variants() {
		if v.Op == op && v.Available {
			force(t, b, op+"="+v.Name)
			f(v.Name)
		}
	}
}

var linearShapes = []struct{ n, i, o int64 }{
	{1, 1, 1}, {1, 17, 33}, {2, 64, 16}, {5, 31, 7}, {14, 32, 32}, {15, 33, 31}, {16, 800, 65}, {29, 48, 97}, {37, 1601, 19}, {3, 2, 70}, {131, 40, 50}, {8, 66, 32}, {128, 18, 30},
	{20, 5, 1024}, {20, 3, 2048}, {131, 1024, 9}, // rows of A that lie 4 KiB apart
	{131, 6, 530}, {16, 4, 1380}, // several blocks of B; outputs turned in large pieces
	{16, 1602, 33}, {11, 1640, 70}, {13, 3100, 37}, // panels: two passes, several blocks of k
	{1, 96, 80}, {3, 166, 96}, {4, 512, 65}, {6, 512, 64}, {7, 340, 70}, {8, 1024, 48}, // few rows: whole groups of outputs, and a rest
	{300, 1100, 40}, {650, 34, 270}, {1100, 34, 250}, // many steps of k: rows that meet B first, and the others; all rows
}

// Every variant, every mix of dtypes, three shapes, several teams: the bits of the contract's chain.
func TestLinearEqualsTheChain(t *testing.T) {
	types := []kernels.DType{kernels.F32, kernels.BF16}
	for _, threads := range []int{1, 3} {
		b := open(t, threads)
		for s, shape := range linearShapes {
			for _, xt := range types {
				for _, wt := range types {
					for _, yt := range types {
						if shape.n*shape.i*shape.o > 100_000 && (s+int(xt)+2*int(wt)+4*int(yt)+threads)%4 != 0 {
							continue // the big ones: a quarter of the combinations each
						}
						checkLinear(t, b, shape.n, shape.i, shape.o, xt, wt, yt, threads)
					}
				}
			}
		}
	}
}

func checkLinear(t *testing.T, b *Backend, n, i, o int64, xt, wt, yt kernels.DType, threads int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(n*1000+i*10+o)))
	random := func() float32 { return float32(rng.NormFloat64()) }
	x, w := newMatrix(t, b, xt, n, i, random), newMatrix(t, b, wt, o, i, random)
	dy := newMatrix(t, b, xt, n, o, random)
	bias := newMatrix(t, b, kernels.F32, 1, o, random)
	old, oldX := newMatrix(t, b, yt, n, o, random), newMatrix(t, b, yt, n, i, random)
	oldW, dbias := newMatrix(t, b, kernels.F32, o, i, random), newMatrix(t, b, kernels.F32, 1, o, random)
	weight, err := b.Prepare(w.Tensor, kernels.WeightTrained)
	if err != nil {
		t.Fatal(err)
	}
	mode := int(n+i+o) % 3 // plain, bias, accumulate
	start := func(r, c int64) float32 { return [3]float32{0, bias.at(0, c), old.at(r, c)}[mode] }
	xRows, wRows, dyRows := lines(x, false, wt), lines(w, false, wt), lines(dy, false, wt)
	xCols, wCols, dyCols := lines(x, true, wt), lines(w, true, wt), lines(dy, true, wt)
	wantY := memo(n, o, func(r, c int64) float32 { return naive(start(r, c), wt, xRows[r], wRows[c]) })
	acc := func(m *matrix, r, c int64) float32 {
		if mode == 2 {
			return m.at(r, c)
		}
		return 0
	}
	wantDX := memo(n, i, func(r, c int64) float32 { return naive(acc(oldX, r, c), wt, dyRows[r], wCols[c]) })
	wantDW := memo(o, i, func(r, c int64) float32 { return naive(acc(oldW, r, c), wt, dyCols[r], xCols[c]) })
	wantDB := memo(1, o, func(_, c int64) float32 {
		sum := acc(dbias, 0, c)
		for k := range n {
			sum += dy.at(k, c)
		}
		return sum
	})
	op := map[kernels.DType]string{kernels.F32: opLinearF32, kernels.BF16: opLinearBF16}[wt]
	eachVariant(t, b, op, func(variant string) {
		name := fmt.Sprintf("%s n=%d i=%d o=%d x=%v w=%v y=%v threads=%d mode=%d", variant, n, i, o, xt, wt, yt, threads, mode)
		args := kernels.LinearArgs{Y: old.Tensor, X: x.Tensor, W: weight, Accumulate: mode == 2}
		if mode == 1 {
			args.Bias = bias.Reshape(o)
		}
		for _, m := range []*matrix{old, oldX, oldW, dbias} {
			for j, v := range m.values {
				if m.set(j, v); mode != 2 {
					m.set(j, float32(math.NaN())) // poison: what is overwritten is not read
					m.values[j] = v
				}
			}
		}
		b.Linear(args)
		b.LinearBackwardInput(kernels.LinearBackwardInputArgs{DX: oldX.Tensor, DY: dy.Tensor, W: weight, Accumulate: mode == 2})
		b.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{DW: oldW.Tensor, DBias: dbias.Reshape(o), DY: dy.Tensor, X: x.Tensor, Math: wt, Accumulate: mode == 2})
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		old.check(t, "y "+name, wantY)
		checkFrozen(t, b, args, old, w, name, wantY, mode == 2)
		oldX.check(t, "dx "+name, wantDX)
		oldW.check(t, "dw "+name, wantDW)
		dbias.check(t, "dbias "+name, wantDB)
	})
	for _, m := range []*matrix{x, w, dy, bias, old, oldX, oldW, dbias} {
		b.Free(m.Mem)
	}
}

// A weight that comes from main memory has a path of its own for up to 256 rows: the bits are those of a few rows at a time.
func TestLinearRowsOfALargeWeightDoNotDependOnCompany(t *testing.T) {
	const n, i, o, few = 201, 2050, 1031, 3
	b := open(t, 2)
	rng := rand.New(rand.NewPCG(3, 4))
	random := func() float32 { return float32(rng.NormFloat64()) }
	for _, typ := range []kernels.DType{kernels.F32, kernels.BF16} {
		x, w := newMatrix(t, b, typ, n, i, random), newMatrix(t, b, typ, o, i, random)
		together, alone := newMatrix(t, b, kernels.F32, n, o, random), newMatrix(t, b, kernels.F32, n, o, random)
		weight, err := b.Prepare(w.Tensor, kernels.WeightTrained)
		if err != nil {
			t.Fatal(err)
		}
		b.Linear(kernels.LinearArgs{Y: together.Tensor, X: x.Tensor, W: weight})
		for r := int64(0); r < n; r += few {
			b.Linear(kernels.LinearArgs{Y: alone.Rows(r, few), X: x.Rows(r, few), W: weight})
		}
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		want := alone.HostF32()
		together.check(t, typ.String(), func(r, c int64) float32 { return want[r*o+c] })
		for _, m := range []*matrix{x, w, together, alone} {
			b.Free(m.Mem)
		}
	}
}

// checkFrozen is the forward with the weight frozen: the same bits.
func checkFrozen(t *testing.T, b *Backend, args kernels.LinearArgs, y, w *matrix, name string, want func(r, c int64) float32, restore bool) {
	t.Helper()
	frozen, err := b.Prepare(w.Tensor, kernels.WeightFrozen)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release(frozen)
	for i, v := range y.values {
		if y.set(i, v); !restore {
			y.set(i, float32(math.NaN()))
			y.values[i] = v
		}
	}
	args.W = frozen
	b.Linear(args)
	if err := b.Sync(); err != nil {
		t.Fatal(err)
	}
	y.check(t, "frozen y "+name, want)
}

func TestPrepareConvertsHalf(t *testing.T) {
	b := open(t, 2)
	h := alloc(t, b, kernels.F16, 3, 5)
	for i := range h.HostU16() {
		h.HostU16()[i] = uint16(0x3c00 + i)
	}
	before := b.Usage().Now[kernels.MemWeights]
	w, err := b.Prepare(h, kernels.WeightFrozen)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range w.Tensor.HostF32() {
		if float64(v) != halfValue(uint16(0x3c00+i)) {
			t.Errorf("element %d is %v", i, v)
		}
	}
	if w.Type != kernels.F32 || b.Usage().Now[kernels.MemWeights] != before+60 {
		t.Errorf("type %v, weights %d bytes", w.Type, b.Usage().Now[kernels.MemWeights])
	}
	b.Release(w)
	if now := b.Usage().Now[kernels.MemWeights]; now != before {
		t.Errorf("after Release: %d bytes, %d before", now, before)
	}
}

func memo(rows, cols int64, f func(r, c int64) float32) func(r, c int64) float32 {
	v := make([]float32, rows*cols)
	for r := range rows {
		for c := range cols {
			v[r*cols+c] = f(r, c)
		}
	}
	return func(r, c int64) float32 { return v[r*cols+c] }
}
