package records

import (
	"bytes"
	"math"
	"testing"
)

// Headers that say one thing to a hasty reader and another to the library are refused, or read as the library reads them.
func TestPageHeaders(t *testing.T) {
	var (
		kind     = []byte{0x15, 0}                                // 1: a page of data
		sizes    = []byte{0x15, 0xc8, 1, 0x15, 100}               // 2 and 3: 100 bytes from 50
		values   = []byte{0x15, 20, 0x15, 0, 0x15, 6, 0x15, 6, 0} // 10 values, plain
		part5    = append([]byte{0x2c}, values...)                // behind 3
		stop     = []byte{0}                                      //
		join     = func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
		whole    = join(kind, sizes, part5, stop)
		wideKind = []byte{0x15, 0x80, 0x80, 0x80, 0x80, 0x20} // 2^32 in 32 bits
	)
	h, n, err := parsePage(append(bytes.Clone(whole), "behind"...))
	if err != nil || n != len(whole) || h.kind != 0 || h.unpacked != 100 || h.packed != 50 || h.values != 10 || h.encoding != 0 {
		t.Fatalf("%+v, %d, %v", h, n, err)
	}
	for name, b := range map[string][]byte{
		"field 0":                  join(kind, sizes, part5, []byte{0x0c, 0, 0x25, 2, 0}, stop),
		"field 0, five deep":       join(kind, sizes, part5, []byte{0x4c, 0x0c, 0, 0x0c, 0, 0x0c, 0, 0x25, 2, 0, 0, 0, 0}, stop),
		"field 2 twice":            join(kind, sizes, part5, []byte{0x05, 4, 2}, stop),
		"a header of version 2":    join(kind, sizes, []byte{0x5c}, values, stop),
		"a dictionary's":           join([]byte{0x15, 4}, sizes, part5, stop),
		"both":                     join(kind, sizes, part5, []byte{0x3c}, values, stop),
		"none":                     join(kind, sizes, stop),
		"an index page":            join([]byte{0x15, 2}, sizes, part5, stop),
		"a kind beyond 32 bits":    join(wideKind, sizes, part5, stop),
		"fields of another header": join(kind, sizes, part5, []byte{0x2c, 0x15, 2, 0}, stop),
	} {
		if h, _, err := parsePage(b); err == nil {
			t.Errorf("%s: read as %+v", name, h)
		}
	}
	for name, b := range map[string][]byte{
		"a size in a list":   join(kind, []byte{0x19, 0x15, 14, 0x15, 100}, part5, stop),
		"a size of 64 bits":  join(kind, []byte{0x16, 14, 0x15, 100}, part5, stop),
		"a size in a struct": join(kind, []byte{0x1c, 0x15, 14, 0, 0x15, 100}, part5, stop),
	} {
		if h, _, err := parsePage(b); err != nil || h.unpacked != 0 || h.packed != 50 {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

func TestLevelsBeyondThePage(t *testing.T) {
	p, err := newPageCheck(bytes.NewReader(make([]byte, 100)))
	if err != nil {
		t.Fatal(err)
	}
	defer p.zstd.Close()
	for _, h := range []pageHeader{{defLevels: 1 << 62, repLevels: 1 << 62}, {defLevels: math.MaxInt64, repLevels: 1}, {defLevels: 60, repLevels: 60}, {defLevels: -1, repLevels: 5}} {
		h.kind, h.packed, h.unpacked, h.values = 3, 100, 100, 1
		if err := p.page(&h, 0, 100); err == nil {
			t.Errorf("levels of %d and %d bytes in a page of 100", h.defLevels, h.repLevels)
		}
	}
}
