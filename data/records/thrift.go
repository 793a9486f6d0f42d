package records

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Parquet's footer and page headers are structures of Thrift's compact protocol. The library
// allocates what their counts say before it has seen the bytes, so they are walked here
// first: every length and count is held against the bytes that are there.

const (
	// maxStructs is how many structures a footer's lists may hold: row groups times columns.
	// The library needs some 700 bytes for each.
	maxStructs = 1 << 18
	// maxDepth is how deep structures may be nested; Parquet's own need 6.
	maxDepth = 16
)

var errThrift = errors.New("no valid Thrift structure")

// Types of the compact protocol, as far as they are told.
const (
	thriftInt32  = 5
	thriftStruct = 12
)

// compact walks one structure. The booleans (1 or 2), integers and structures of its fields, and of the fields of these, are told to
// visit with their type and the ids that lead to them, a byte each, outermost first. What stands in lists or deeper is not told.
type compact struct {
	b       []byte
	i       int
	structs int
	visit   func(path uint32, kind byte, v int64)
}

// structure reads fields up to the stop byte.
func (c *compact) structure(path uint32, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: structures nested more than %d deep", errThrift, maxDepth)
	}
	var seen [4]uint64
	for id := int64(0); ; {
		head, err := c.byte()
		if err != nil || head == 0 {
			return err
		}
		if delta := int64(head >> 4); delta != 0 {
			id += delta
		} else if id, err = c.zigzag(); err != nil {
			return err
		}
		if id < 1 || id > 255 {
			return fmt.Errorf("%w: field %d", errThrift, id)
		}
		if seen[id/64]&(1<<(id%64)) != 0 { // which of the two the library takes depends on their types
			return fmt.Errorf("%w: field %d stands twice", errThrift, id)
		}
		seen[id/64] |= 1 << (id % 64)
		if err := c.value(head&15, path<<8|uint32(id), depth, false); err != nil {
			return err
		}
	}
}

// value reads one value of a type of the compact protocol.
func (c *compact) value(kind byte, path uint32, depth int, inList bool) error {
	told := depth < 2 && !inList // an id is a byte of the path
	switch kind {
	case 1, 2: // a boolean is its type, in a list a byte
		if inList {
			return c.skip(1)
		}
		c.tell(told, path, kind, int64(2-kind))
		return nil
	case 3:
		return c.skip(1)
	case 4, 5, 6:
		v, err := c.zigzag()
		if err == nil && kind == thriftInt32 && v != int64(int32(v)) {
			return fmt.Errorf("%w: %d in 32 bits", errThrift, v)
		}
		c.tell(told, path, kind, v)
		return err
	case 7:
		return c.skip(8)
	case 8:
		n, err := c.uvarint()
		if err != nil {
			return err
		}
		return c.skip(n)
	case 9, 10:
		return c.list(path, depth)
	case thriftStruct:
		c.tell(told, path, kind, 0)
		return c.structure(path, depth+1)
	}
	return fmt.Errorf("%w: a value of type %d at byte %d", errThrift, kind, c.i) // maps stand nowhere in Parquet's
}

func (c *compact) list(path uint32, depth int) error {
	head, err := c.byte()
	if err != nil {
		return err
	}
	n, kind := uint64(head>>4), head&15
	if n == 15 {
		if n, err = c.uvarint(); err != nil {
			return err
		}
	}
	if n > uint64(len(c.b)-c.i) { // an element has at least one byte
		return fmt.Errorf("%w: a list of %d elements in %d bytes", errThrift, n, len(c.b)-c.i)
	}
	if kind == thriftStruct {
		if c.structs += int(n); c.structs > maxStructs {
			return fmt.Errorf("%w: more than %d structures", errThrift, maxStructs)
		}
	}
	for range n {
		if err := c.value(kind, path, depth+1, true); err != nil {
			return err
		}
	}
	return nil
}

func (c *compact) tell(told bool, path uint32, kind byte, v int64) {
	if told && c.visit != nil {
		c.visit(path, kind, v)
	}
}

func (c *compact) byte() (byte, error) {
	if c.i >= len(c.b) {
		return 0, fmt.Errorf("%w: it ends early", errThrift)
	}
	c.i++
	return c.b[c.i-1], nil
}

func (c *compact) skip(n uint64) error {
	if n > uint64(len(c.b)-c.i) {
		return fmt.Errorf("%w: %d bytes at byte %d of %d", errThrift, n, c.i, len(c.b))
	}
	c.i += int(n)
	return nil
}

func (c *compact) uvarint() (uint64, error) {
	v, n := binary.Uvarint(c.b[c.i:])
	if n <= 0 {
		return 0, fmt.Errorf("%w: a number at byte %d", errThrift, c.i)
	}
	c.i += n
	return v, nil
}

func (c *compact) zigzag() (int64, error) {
	v, err := c.uvarint()
	return int64(v>>1) ^ -int64(v&1), err
}
