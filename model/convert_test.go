package model

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

func TestTheMachineIsLittleEndian(t *testing.T) {
	if got := bytesOf([]uint32{1}); got[0] != 1 || binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Fatal("safetensors are little-endian and used in place: this machine cannot")
	}
}

// Every half comes back as it was; every float goes to one of its two neighbours, the nearer one, ties to even.
func TestHalvesRoundToNearestEven(t *testing.T) {
	for h := range 1 << 16 {
		f := halfToFloat(uint16(h))
		if back := floatToHalf(f); back != uint16(h) && f == f {
			t.Fatalf("half %#04x is %v, which becomes %#04x", h, f, back)
		} else if f != f && back&0x7c00 != 0x7c00 {
			t.Fatalf("NaN %#04x becomes %#04x", h, back)
		}
	}
	if got := halfToFloat(0x3555); math.Abs(float64(got)-1.0/3) > 1e-3 || halfToFloat(1) != 1.0/(1<<24) || halfToFloat(0x7bff) != 65504 {
		t.Fatal("halves have other values than their format says")
	}
	for h := uint16(0); h < 0x7c00; h++ {
		low, high := float64(halfToFloat(h)), float64(halfToFloat(h+1))
		if h == 0x7bff {
			high = 65536
		}
		middle := (low + high) / 2
		even := h + h&1
		for _, c := range []struct {
			x    float64
			want uint16
		}{{middle, even}, {math.Nextafter(middle, 0), h}, {math.Nextafter(middle, 1e9), h + 1}} {
			f := float32(c.x)
			if float64(f) != c.x { // the neighbours of the middle, in f32
				f = math.Nextafter32(float32(middle), float32(2*c.x-middle)+map[bool]float32{true: -1, false: 1}[c.x < middle])
			}
			if got := floatToHalf(f); got != c.want {
				t.Fatalf("%v, between halves %#04x and %#04x, becomes %#04x, want %#04x", f, h, h+1, got, c.want)
			}
			if got := floatToHalf(-f); got != c.want|0x8000 {
				t.Fatalf("%v becomes %#04x", -f, got)
			}
		}
	}
}

func TestBF16RoundsToNearestEven(t *testing.T) {
	for _, c := range []struct {
		bits uint32
		want uint16
	}{{0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81}, {0x3f818000, 0x3f82}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80},
		{0xbf808001, 0xbf81}, {0x00000001, 0x0000}, {0x7f800001, 0x7fc0}} {
		if got := floatToBF16(math.Float32frombits(c.bits)); got != c.want {
			t.Errorf("%#08x becomes %#04x, want %#04x", c.bits, got, c.want)
		}
	}
	back := make([]float32, 1)
	decodeFloats(back, kernels.BF16, []byte{0x80, 0x3f})
	if back[0] != 1 {
		t.Errorf("0x3f80 reads as %v", back[0])
	}
}

// Fresh weights have the asked mean and deviation, and an element depends on nothing but its place.
func TestFillNormal(t *testing.T) {
	key := kernels.Subkey(5, kernels.PurposeInit, 0, 3)
	all, tail := make([]float32, 1<<16+1<<15), make([]float32, 101)
	fillNormals(all, key, 0, 0.02)
	fillNormal(tail, key, 70000, 0.02)
	sum, squares, beyond := 0.0, 0.0, 0
	for _, x := range all {
		sum, squares = sum+float64(x), squares+float64(x)*float64(x)
		if math.Abs(float64(x)) > 0.04 {
			beyond++
		}
	}
	n := float64(len(all))
	if mean, std := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 3*0.02/math.Sqrt(n) || math.Abs(std-0.02) > 0.0002 {
		t.Errorf("mean %v, deviation %v", mean, std)
	}
	if share := float64(beyond) / n; math.Abs(share-0.0455) > 0.004 {
		t.Errorf("%.4f lie beyond two deviations, 0.0455 expected", share)
	}
	for i, x := range tail {
		if x != all[70000+i] {
			t.Fatalf("element %d is %v alone, %v in the whole", 70000+i, x, all[70000+i])
		}
	}
}
