package records

import (
	"errors"
	"fmt"
)

// pageHeader is what is needed of a page's header.
type pageHeader struct {
	kind                 int64 // 0 data, 1 index, 2 dictionary, 3 data of version 2
	unpacked, packed     int64 // bytes
	crc                  int64
	hasCRC, plain        bool // plain: not compressed though the column is
	values, encoding     int64
	defLevels, repLevels int64 // bytes, version 2
	parts                uint  // a bit for each structure that is there: 5 data, 6 index, 7 dictionary, 8 data of version 2
}

// headerPart is the structure that a kind of page has in its header, and it alone.
var headerPart = map[int64]uint{0: 1 << 5, 2: 1 << 7, 3: 1 << 8}

// parsePage reads a header at the start of b and tells its length. A field of another type than Parquet's is none, as for the library.
func parsePage(b []byte) (h pageHeader, n int, err error) {
	c := &compact{b: b, visit: func(path uint32, kind byte, v int64) {
		switch {
		case kind == thriftInt32:
			h.number(path, v)
		case kind == thriftStruct && path >= 5 && path <= 8:
			h.parts |= 1 << path
		case kind <= 2 && path == 8<<8|7:
			h.plain = v == 0
		}
	}}
	if err = c.structure(0, 0); err != nil {
		return h, c.i, err
	}
	if part, known := headerPart[h.kind]; !known || h.parts != part {
		err = fmt.Errorf("a header of kind %d that says another: %w", h.kind, errHeader)
	}
	return h, c.i, err
}

// errHeader is a header that can be read whole and is none.
var errHeader = errors.New("no page of values or of a dictionary")

func (h *pageHeader) number(path uint32, v int64) {
	switch path {
	case 1:
		h.kind = v
	case 2:
		h.unpacked = v
	case 3:
		h.packed = v
	case 4:
		h.crc, h.hasCRC = v, true
	case 5<<8 | 1, 7<<8 | 1, 8<<8 | 1:
		h.values = v
	case 5<<8 | 2, 7<<8 | 2, 8<<8 | 4:
		h.encoding = v
	case 8<<8 | 5:
		h.defLevels = v
	case 8<<8 | 6:
		h.repLevels = v
	}
}
