package ref_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// Every 16-bit pattern survives widening and narrowing, and half way between neighbours goes to the even one.
func TestNarrowFormatsRoundToEven(t *testing.T) {
	for name, f := range map[string]struct {
		widen    func(uint16) float64
		narrow   func(float64) uint16
		infinity uint16
	}{
		"bf16": {func(b uint16) float64 { return float64(ref.BF16ToFloat32(b)) }, ref.Float64ToBF16, 0x7f80},
		"f16":  {ref.F16ToFloat64, ref.Float64ToF16, 0x7c00},
	} {
		for bits := range uint16(0xffff) {
			v := f.widen(bits)
			if math.IsNaN(v) {
				if !math.IsNaN(f.widen(f.narrow(v))) {
					t.Fatalf("%s: NaN %#x became a number", name, bits)
				}
				continue
			}
			if got := f.narrow(v); got != bits {
				t.Fatalf("%s: %#x became %#x", name, bits, got)
			}
			if bits&0x7fff < f.infinity-1 {
				middle := (v + f.widen(bits+1)) / 2
				even := bits + bits&1
				if got := f.narrow(middle); got != even {
					t.Fatalf("%s: between %#x and its successor: %#x", name, bits, got)
				}
				if got := f.narrow(math.Nextafter(middle, v)); got != bits {
					t.Fatalf("%s: just before the middle after %#x: %#x", name, bits, got)
				}
			}
		}
	}
}

func TestFMA32RoundsOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := func() float32 {
		return math.Float32frombits(rng.Uint32()&0x807fffff | uint32(100+rng.IntN(60))<<23)
	}
	for range 200000 {
		x, y, z := random(), random(), random()
		if rng.IntN(2) == 0 { // ties and cancellation: few significant bits
			x, y = math.Float32frombits(math.Float32bits(x)&0xffff0000), math.Float32frombits(math.Float32bits(y)&0xfffe0000)
		}
		exact := new(big.Float).SetPrec(400).Mul(big.NewFloat(float64(x)), big.NewFloat(float64(y)))
		exact.Add(exact, big.NewFloat(float64(z)))
		want, _ := exact.Float32()
		if got := ref.FMA32(x, y, z); got != want {
			t.Fatalf("FMA32(%g, %g, %g) = %g, want %g", x, y, z, got, want)
		}
		if got := ref.FMA32FTZ(x, y, z); got != want {
			t.Fatalf("FMA32FTZ(%g, %g, %g) = %g, want %g", x, y, z, got, want)
		}
	}
	tiny := math.Float32frombits(0x007fffff)
	for _, c := range []struct{ got, want float32 }{
		{ref.FMA32FTZ(tiny, 1, 0), 0}, {ref.FMA32FTZ(1, 1, tiny), 1}, {ref.FMA32FTZ(0x1p-126, 0.5, 0), 0},
		{ref.FMA32FTZ(0x1p-126, 1, 0), 0x1p-126}, {ref.FMA32(tiny, 1, 0), tiny}, {ref.FMA32FTZ(tiny, 0x1p100, 0), 0},
	} {
		if c.got != c.want {
			t.Errorf("got %g, want %g", c.got, c.want)
		}
	}
}

func TestOrderedProductsFollowTheContract(t *testing.T) {
	b := ref.Open(ref.Options{Ordered: true})
	defer b.Close()
	r := &rig{t, b, nil}
	// 2^24 + 1 + 1: ascending, each 1 is lost in float32; odd before even, the pair (1, 2^24) with 1 first keeps one of them.
	for dtype, want := range map[kernels.DType]float32{kernels.F32: 1 << 24, kernels.BF16: 1<<24 + 2} {
		x, w, y := r.empty(dtype, 1, 4), r.empty(dtype, 1, 4), r.empty(kernels.F32, 1, 1)
		r.b.Fill(kernels.FillArgs{Dst: w, Value: 1})
		r.b.Fill(kernels.FillArgs{Dst: x.Reshape(4).Rows(0, 1), Value: 1 << 24})
		r.b.Fill(kernels.FillArgs{Dst: x.Reshape(4).Rows(1, 1), Value: 1})
		r.b.Fill(kernels.FillArgs{Dst: x.Reshape(4).Rows(2, 1), Value: 0})
		bias := r.empty(kernels.F32, 1)
		r.b.Fill(kernels.FillArgs{Dst: bias, Value: 1})
		r.b.Linear(kernels.LinearArgs{Y: y, X: x, W: r.weight(w), Bias: bias})
		r.check(b.Sync())
		if got := y.HostF32()[0]; got != want {
			t.Errorf("%v: %g, want %g", dtype, got, want)
		}
	}
}

func TestAllocationsStandAlone(t *testing.T) {
	r := newRig(t)
	x := r.empty(kernels.F32, 16)
	if x.Addr%64 != 0 {
		t.Errorf("allocation at %#x is not aligned", x.Addr)
	}
	faults := func(addr uintptr) (faulted bool) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() { faulted = recover() != nil }()
		y := x
		y.Addr = addr
		y.HostF32()[0] = 1
		return false
	}
	if faults(x.Addr) || !faults(x.Addr+64) || !faults(x.Addr-4096) {
		t.Error("the pages beside an allocation can be written")
	}
}

func TestFailuresStickUntilSync(t *testing.T) {
	r := newRig(t)
	table, out := r.random(5, 3), r.random(2, 3)
	r.b.Fill(kernels.FillArgs{Dst: out, Value: 7})
	r.b.Embed(kernels.EmbedArgs{Out: out, Table: table, Tokens: r.ints(1, 5)})
	r.b.Fill(kernels.FillArgs{Dst: out, Value: 8})
	err := r.b.Sync()
	if !errors.Is(err, kernels.ErrDevice) || !strings.Contains(err.Error(), "embed: row 1 has token 5") {
		t.Errorf("Sync() = %v", err)
	}
	if got := out.HostF64()[0]; got != 7 {
		t.Errorf("an operation after the failure ran: %g", got)
	}
	r.b.Fill(kernels.FillArgs{Dst: out, Value: 9})
	if err := r.b.Sync(); err != nil || out.HostF64()[0] != 9 {
		t.Errorf("after Sync: %v, %g", err, out.HostF64()[0])
	}
}

func TestUsageCountsByKind(t *testing.T) {
	b := ref.Open(ref.Options{})
	defer b.Close()
	mem, err := b.Alloc(kernels.MemCache, 1000)
	if err != nil {
		t.Fatal(err)
	}
	b.Free(mem)
	if u := b.Usage(); u.Now[kernels.MemCache] != 0 || u.Peak[kernels.MemCache] != 1000 || u.Peak[kernels.MemWeights] != 0 {
		t.Errorf("usage %+v", u)
	}
	if _, err := b.Alloc(kernels.MemWeights, 1<<50); !errors.Is(err, kernels.ErrOutOfMemory) {
		t.Errorf("2^50 bytes: %v", err)
	}
}
