package records

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/primer-lm/primer/data"
)

// deltas are the differences of Parquet's DELTA_BINARY_PACKED: blocks of mini-blocks that each have a width of their own, see
// https://github.com/apache/parquet-format/blob/master/Encodings.md.
type deltas struct {
	block, minis int // values of a block, mini-blocks in it
	values       int
	last         int64 // the first value
	b            []byte
}

// deltaHead reads the head of differences of at most so many values.
func deltaHead(b []byte, values int64) (d deltas, err error) {
	var head [3]uint64
	for i := range head {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return d, io.ErrUnexpectedEOF
		}
		head[i], b = v, b[n:]
	}
	if head[0] > 1<<16 || head[1] == 0 || head[1] > 1<<10 || head[0]%(32*head[1]) != 0 || head[2] > uint64(values) {
		return d, fmt.Errorf("blocks of %d in %d with %d of %d values", head[0], head[1], head[2], values)
	}
	first, n := binary.Varint(b)
	if n <= 0 {
		return d, io.ErrUnexpectedEOF
	}
	return deltas{int(head[0]), int(head[1]), int(head[2]), first, b[n:]}, nil
}

// each gives all values of a list of 32 bits, which are computed modulo 2^32 as everywhere; it leaves b behind the list.
func (d *deltas) each(give func(i int, v int32) error) error {
	if d.values == 0 {
		return nil
	}
	if d.last != int64(int32(d.last)) {
		return fmt.Errorf("a first value of %d in a list of 32 bits", d.last)
	}
	v := int32(d.last)
	if err := give(0, v); err != nil {
		return err
	}
	for i := 1; i < d.values; {
		least, n := binary.Varint(d.b)
		if n <= 0 || len(d.b)-n < d.minis {
			return io.ErrUnexpectedEOF
		}
		widths := d.b[n : n+d.minis]
		d.b = d.b[n+d.minis:]
		for _, width := range widths {
			if i == d.values {
				break // mini-blocks without values have no bytes
			}
			if width > 32 {
				return fmt.Errorf("differences of %d bits in a list of 32", width)
			}
			per := d.block / d.minis
			size := min(per*int(width)/8, len(d.b)) // some writers leave out what fills the last
			for j := range min(per, d.values-i) {
				v += int32(least) + int32(bitsAt(d.b[:size], j*int(width), uint(width)))
				if err := give(i, v); err != nil {
					return err
				}
				i++
			}
			d.b = d.b[size:]
		}
	}
	return nil
}

// bitsAt reads up to 32 bits from a bit on, least significant first; behind the end they are 0.
func bitsAt(b []byte, bit int, width uint) uint32 {
	at := bit / 8
	var word uint64
	if at+8 <= len(b) {
		word = binary.LittleEndian.Uint64(b[at:])
	} else {
		for i := at; i < len(b); i++ {
			word |= uint64(b[i]) << (8 * (i - at))
		}
	}
	return uint32(word >> (bit % 8) & (1<<width - 1))
}

// lengths adds up a list of lengths and gives what stands behind it. The sum may exceed limit by no byte.
func lengths(b []byte, values, limit int64) (count int, sum int64, rest []byte, err error) {
	d, err := deltaHead(b, values)
	if err != nil {
		return 0, 0, nil, err
	}
	err = d.each(func(i int, v int32) error {
		if v < 0 {
			return fmt.Errorf("length %d is %d", i, v)
		}
		if sum += int64(v); sum > limit {
			return fmt.Errorf("%w: texts of over %d bytes in one page", data.ErrLimit, limit)
		}
		return nil
	})
	return d.values, sum, d.b, err
}

// deltaTexts checks texts behind the list of their lengths (DELTA_LENGTH_BYTE_ARRAY).
func deltaTexts(b []byte, values int64) error {
	_, sum, rest, err := lengths(b, values, math.MaxInt32)
	if err == nil && sum > int64(len(rest)) {
		err = fmt.Errorf("texts of %d bytes, %d are there", sum, len(rest))
	}
	return err
}

// deltaFronts checks texts that each say how much of the one before they begin with (DELTA_BYTE_ARRAY): a page of some bytes may
// come to any length.
func deltaFronts(b []byte, values int64) error {
	fronts, shared, rest, err := lengths(b, values, maxPage)
	if err != nil {
		return err
	}
	ends, own, rest, err := lengths(rest, values, maxPage-shared)
	switch {
	case err != nil:
		return err
	case fronts != ends:
		return fmt.Errorf("%d prefixes and %d suffixes", fronts, ends)
	case own > int64(len(rest)):
		return errors.New("suffixes longer than the page")
	}
	return nil
}
