package kernels

import (
	"errors"
	"testing"
)

// The known answers of the Random123 distribution (kat_vectors, philox4x32-10).
func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		key  Key
		ctr  [4]uint32
		want [4]uint32
	}{
		{Key{}, [4]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{Key{0xffffffff, 0xffffffff}, [4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{Key{0xa4093822, 0x299f31d0}, [4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox(c.key, c.ctr); got != c.want {
			t.Errorf("Philox(%x, %x) = %x, want %x", c.key, c.ctr, got, c.want)
		}
	}
}

func TestForceChecksNames(t *testing.T) {
	table := []Variant{
		{Op: "attention", Name: "generic", Available: true}, {Op: "attention", Name: "avx2", Available: false},
		{Op: "rope", Name: "generic", Available: true},
	}
	defer func() {
		if err := Force("", table); err != nil {
			t.Fatal(err)
		}
	}()
	if err := Force("*=generic", table); err != nil || Forced("rope") != "generic" || Forced("attention") != "generic" {
		t.Fatalf("Force(*=generic): %v, rope %q, attention %q", err, Forced("rope"), Forced("attention"))
	}
	for _, bad := range []string{"attention=avx2", "attention=avx9", "nothing=generic", "attention"} {
		if err := Force(bad, table); !errors.Is(err, ErrUnknownForced) {
			t.Errorf("Force(%q) = %v, want ErrUnknownForced", bad, err)
		}
		if Forced("rope") != "generic" {
			t.Errorf("Force(%q) changed what was forced", bad)
		}
	}
}

func TestTensorViewsStayInside(t *testing.T) {
	mem := &Memory{Addr: 1 << 20, Size: 4 * 24}
	x := NewTensor(mem, 0, F32, 4, 6)
	if r := x.Rows(1, 2); r.Addr != mem.Addr+24 || r.Dim(0) != 2 || r.Len() != 12 {
		t.Errorf("Rows(1,2) = %v at %#x", r, r.Addr)
	}
	for name, f := range map[string]func(){
		"past the end": func() { NewTensor(mem, 4, F32, 4, 6) },
		"rows":         func() { x.Rows(3, 2) },
		"reshape":      func() { x.Reshape(5, 5) },
		"negative":     func() { ShapeOf(F32, -1) },
	} {
		func() {
			defer func() {
				if _, ok := recover().(*ShapeError); !ok {
					t.Errorf("%s: no ShapeError", name)
				}
			}()
			f()
		}()
	}
}
