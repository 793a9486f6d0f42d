package hf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// Limits of a safetensors header. The format's own library allows 100,000,000 bytes; no model of this family has more
// than some thousand tensors, and a million of them would cost seconds to look at.
const (
	maxHeaderBytes = 100_000_000
	maxTensors     = 200_000
	maxRank        = 8
)

// Entry is one tensor as the header describes it, checked against the size of its file.
type Entry struct {
	Name       string
	DType      string  // as in the file: "F32", "BF16", …
	Shape      []int64 // any rank up to 8, dimensions may be 0
	Begin, End int64   // byte range within the data section
}

// dtypeBytes are the element sizes of the format's dtypes that hold whole bytes.
var dtypeBytes = map[string]int64{
	"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
	"I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8, "C64": 8,
}

// ParseHeader checks the header of a safetensors file of fileSize bytes and returns its tensors in order of their bytes,
// and the offset of the data section. head is the file's beginning: the 8 bytes of length and at least the header. What it
// holds to: length within the file and limits; one JSON object, starting at its first byte, of valid UTF-8, followed by
// nothing but blanks; no key twice; known fields only; shapes that multiply without overflow to exactly the byte range;
// ranges that cover the data section without overlap, hole or rest.
func ParseHeader(head []byte, fileSize int64) (entries []Entry, dataStart int64, err error) {
	n, err := headerLength(head, fileSize)
	if err != nil {
		return nil, 0, err
	}
	dataStart = 8 + n
	if int64(len(head)) < dataStart {
		return nil, 0, fmt.Errorf("%w: %d bytes were read of a header of %d", ErrHeader, len(head)-8, n)
	}
	text := head[8:dataStart]
	if text[0] != '{' {
		return nil, 0, fmt.Errorf("%w: offset 8: does not begin with '{'", ErrHeader)
	}
	if tooManyTensors(text) {
		return nil, 0, fmt.Errorf("%w: more than %d tensors", ErrHeader, maxTensors)
	}
	if !utf8.Valid(text) {
		return nil, 0, fmt.Errorf("%w: not valid UTF-8", ErrHeader)
	}
	p := &headerParser{text: text, seen: map[string]bool{}}
	if err := p.header(); err != nil {
		return nil, 0, fmt.Errorf("%w: offset %d: %w", ErrHeader, 8+p.at, err)
	}
	if err := checkLayout(p.entries, fileSize-dataStart); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return p.entries, dataStart, nil
}

// tooManyTensors counts what every tensor must have, before anything is parsed, and stops at the limit.
func tooManyTensors(text []byte) bool {
	mark := []byte(`"data_offsets"`)
	for n := 0; ; n++ {
		at := bytes.Index(text, mark)
		if at < 0 || n > maxTensors {
			return n > maxTensors
		}
		text = text[at+len(mark):]
	}
}

// headerLength reads and checks the 8 bytes that every file begins with.
func headerLength(head []byte, fileSize int64) (int64, error) {
	if fileSize < 8 || len(head) < 8 {
		return 0, fmt.Errorf("%w: the file has %d bytes, fewer than the 8 that give the header's length", ErrHeader, fileSize)
	}
	n := binary.LittleEndian.Uint64(head)
	switch {
	case n > maxHeaderBytes:
		return 0, fmt.Errorf("%w: claims %d bytes, at most %d are read", ErrHeader, n, maxHeaderBytes)
	case int64(n) > fileSize-8:
		return 0, fmt.Errorf("%w: claims %d bytes in a file of %d: truncated?", ErrHeader, n, fileSize)
	case n < 2:
		return 0, fmt.Errorf("%w: claims %d bytes, an empty one has 2", ErrHeader, n)
	}
	return int64(n), nil
}

// checkLayout sorts the entries by their bytes and holds the ranges to dtype, shape and each other.
func checkLayout(entries []Entry, data int64) error {
	slices.SortFunc(entries, func(a, b Entry) int {
		if a.Begin != b.Begin {
			return compare(a.Begin, b.Begin)
		}
		return compare(a.End, b.End)
	})
	at := int64(0)
	for i := range entries {
		e := &entries[i]
		size, err := e.bytes()
		if err != nil {
			return err
		}
		switch {
		case e.Begin > e.End || e.End > data:
			return fmt.Errorf("%q: data_offsets [%d,%d] leave the data section of %d bytes: truncated?", e.Name, e.Begin, e.End, data)
		case e.End-e.Begin != size:
			return fmt.Errorf("%q: %s%v takes %d bytes, data_offsets give %d", e.Name, e.DType, e.Shape, size, e.End-e.Begin)
		case e.Begin < at:
			return fmt.Errorf("%q: data_offsets [%d,%d] overlap the tensor before, which ends at %d", e.Name, e.Begin, e.End, at)
		case e.Begin > at:
			return fmt.Errorf("%q: data_offsets [%d,%d] leave a hole from %d", e.Name, e.Begin, e.End, at)
		}
		at = e.End
	}
	if at != data {
		return fmt.Errorf("the tensors end at byte %d of a data section of %d: bytes are left over", at, data)
	}
	return nil
}

func compare(a, b int64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// bytes returns dtype size × shape, with overflow checked.
func (e *Entry) bytes() (int64, error) {
	n, ok := dtypeBytes[e.DType]
	if !ok {
		return 0, fmt.Errorf("%q: unknown dtype %q", e.Name, e.DType)
	}
	// Checked before any zero can hide it: a product of dimensions that overflows is a lie even times zero.
	for _, d := range e.Shape {
		if d != 0 && n > math.MaxInt64/d {
			return 0, fmt.Errorf("%q: shape %v overflows", e.Name, e.Shape)
		}
		if d != 0 {
			n *= d
		}
	}
	if slices.Contains(e.Shape, 0) {
		return 0, nil
	}
	return n, nil
}
