package cpu

import (
	"math"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// halfValue is an f16 in f64, straight from its definition.
func halfValue(h uint16) float64 {
	sign, exponent, fraction := 1.0, int(h>>10&31), float64(h&0x3ff)
	if h&0x8000 != 0 {
		sign = -1
	}
	switch exponent {
	case 0:
		return sign * math.Ldexp(fraction, -24)
	case 31:
		if fraction != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

func TestCopyConvertsEveryHalf(t *testing.T) {
	b := open(t, 3)
	const n = 1 << 16
	half, wide, back := alloc(t, b, kernels.F16, n), alloc(t, b, kernels.F32, n), alloc(t, b, kernels.F16, n)
	small, wide2 := alloc(t, b, kernels.BF16, n), alloc(t, b, kernels.F32, n)
	for i := range n {
		half.HostU16()[i], small.HostU16()[i] = uint16(i), uint16(i)
	}
	eachVariant(t, b, opCopy, func(name string) {
		b.Copy(kernels.CopyArgs{Dst: wide, X: half})
		b.Copy(kernels.CopyArgs{Dst: back, X: wide})
		b.Copy(kernels.CopyArgs{Dst: wide2, X: small})
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			want, got := halfValue(uint16(i)), float64(wide.HostF32()[i])
			isNaN := want != want
			if got != want && !(isNaN && got != got) || !isNaN && math.Signbit(got) != math.Signbit(want) {
				t.Fatalf("%s: f16 %04x became %v, want %v", name, i, got, want)
			}
			if h := back.HostU16()[i]; h != uint16(i) && !isNaN {
				t.Fatalf("%s: f16 %04x came back as %04x", name, i, h)
			}
			if u := math.Float32bits(wide2.HostF32()[i]); u != uint32(i)<<16 {
				t.Fatalf("%s: bf16 %04x became %08x", name, i, u)
			}
		}
	})
}

// Rounding to nearest even: what lies between two neighbours goes to the nearer one, ties to the even one.
func TestCopyRoundsToNearestEven(t *testing.T) {
	b := open(t, 2)
	var values []float32
	for i := range 0x7c01 { // every f16, the middle to the next one, and just beside the middle
		lo, hi := halfValue(uint16(i)), halfValue(uint16(i+1))
		if i >= 0x7bff {
			hi = 65536
		}
		mid := float32((lo + hi) / 2)
		values = append(values, float32(lo), mid, math.Nextafter32(mid, 0), math.Nextafter32(mid, 1e9))
	}
	values = append(values, float32(math.NaN()), float32(math.Inf(-1)), 1e-40, -1e-8, 3e38, 1e30)
	n := int64(len(values))
	x, half, small := alloc(t, b, kernels.F32, n), alloc(t, b, kernels.F16, n), alloc(t, b, kernels.BF16, n)
	copy(x.HostF32(), values)
	nearest := func(v float32) uint16 { // by search in the table of all f16
		a := math.Abs(float64(v))
		if a >= 65520 {
			return 0x7c00
		}
		lo, hi := 0, 0x7bff
		for lo < hi {
			if mid := (lo + hi + 1) / 2; halfValue(uint16(mid)) <= a {
				lo = mid
			} else {
				hi = mid - 1
			}
		}
		next := halfValue(uint16(lo + 1))
		if lo == 0x7bff {
			next = 65536
		}
		if below, above := a-halfValue(uint16(lo)), next-a; above < below || above == below && lo&1 == 1 {
			lo++
		}
		return uint16(lo)
	}
	eachVariant(t, b, opCopy, func(name string) {
		b.Copy(kernels.CopyArgs{Dst: half, X: x})
		b.Copy(kernels.CopyArgs{Dst: small, X: x})
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if h := half.HostU16()[i]; v == v && h&0x7fff != nearest(v) || v != v && h&0x7fff <= 0x7c00 {
				t.Fatalf("%s: %v became f16 %04x, want %04x", name, v, h, nearest(v))
			}
			if h := small.HostU16()[i]; h != bf16(v) {
				t.Fatalf("%s: %v became bf16 %04x, want %04x", name, v, h, bf16(v))
			}
		}
	})
}

func TestCopyAccumulatesAndMovesBits(t *testing.T) {
	b := open(t, 3)
	const n = 5003
	x, dst := alloc(t, b, kernels.BF16, n), alloc(t, b, kernels.F32, n+1)
	i64, to := alloc(t, b, kernels.I64, n), alloc(t, b, kernels.I64, n)
	eachVariant(t, b, opCopy, func(name string) {
		for i := range n {
			x.HostU16()[i], dst.HostF32()[i], i64.HostI64()[i] = bf16(float32(i)), float32(i)/3, int64(i)<<40|1
		}
		dst.HostF32()[n] = -1
		b.Copy(kernels.CopyArgs{Dst: dst.Rows(0, n), X: x, Accumulate: true})
		b.Copy(kernels.CopyArgs{Dst: to, X: i64})
		if err := b.Sync(); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if want := float32(i)/3 + fromBF16(bf16(float32(i))); dst.HostF32()[i] != want || to.HostI64()[i] != i64.HostI64()[i] {
				t.Fatalf("%s: element %d: %v, want %v; %d", name, i, dst.HostF32()[i], want, to.HostI64()[i])
			}
		}
		if dst.HostF32()[n] != -1 {
			t.Fatalf("%s: wrote behind the output", name)
		}
	})
}

func TestFillConverts(t *testing.T) {
	b := open(t, 3)
	for _, n := range []int64{1, 3, 4097, 30011} {
		for typ, read := range map[kernels.DType]func(kernels.Tensor, int64) float64{
			kernels.F32:  func(t kernels.Tensor, i int64) float64 { return float64(t.HostF32()[i]) },
			kernels.BF16: func(t kernels.Tensor, i int64) float64 { return float64(fromBF16(t.HostU16()[i])) },
			kernels.F16:  func(t kernels.Tensor, i int64) float64 { return halfValue(t.HostU16()[i]) },
			kernels.F64:  func(t kernels.Tensor, i int64) float64 { return t.HostF64()[i] },
			kernels.I32:  func(t kernels.Tensor, i int64) float64 { return float64(t.HostI32()[i]) },
			kernels.I64:  func(t kernels.Tensor, i int64) float64 { return float64(t.HostI64()[i]) },
			kernels.U8:   func(t kernels.Tensor, i int64) float64 { return float64(t.HostU8()[i]) },
		} {
			dst := alloc(t, b, typ, n+2)
			b.Fill(kernels.FillArgs{Dst: dst.Rows(1, n), Value: 77})
			if err := b.Sync(); err != nil {
				t.Fatal(err)
			}
			for i := range n + 2 {
				want := 77.0
				if i == 0 || i == n+1 {
					want = 0
				}
				if got := read(dst, i); got != want {
					t.Fatalf("%v: element %d of %d is %v, want %v", typ, i, n, got, want)
				}
			}
			b.Free(dst.Mem)
		}
	}
	if got := pattern(kernels.BF16, 1+1.0/256+1e-12) & 0xffff; got != 0x3f81 { // f32 first would land on the tie and go down
		t.Errorf("1+2^-8+ε in bf16 is %04x, want 3f81", got)
	}
}
