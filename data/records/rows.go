package records

import (
	"encoding/binary"
	"fmt"

	"github.com/primer-lm/primer/data"
)

// maxRowValues is how many values a row may hold in the columns that are lists; the library holds a row as 24 bytes for each.
const maxRowValues = 1 << 22

// rowLengths follows a column's repetition levels through its pages: a row begins at each 0. Pages are bounded, but a row may go on
// through any number of them, and its values may be nulls without a byte.
type rowLengths struct {
	width        int   // bits of a level, 0 where each value is a row
	row, longest int64 // values of the row that was begun, of the longest
}

// page takes the levels of a page, whose runs have been checked.
func (l *rowLengths) page(b []byte, values int64) error {
	if l.width == 0 {
		return nil
	}
	for len(b) > 0 && values > 0 {
		head, n := binary.Uvarint(b)
		b = b[n:]
		count, size := int64(head>>1), (l.width+7)/8
		if head&1 == 1 { // groups of eight
			size = int(count) * l.width
			count *= 8
		}
		count, size = min(count, values), min(size, len(b))
		if head&1 == 0 {
			l.add(bitsAt(b[:size], 0, uint(l.width)), count)
		} else {
			for i := range int(count) {
				l.add(bitsAt(b[:size], i*l.width, uint(l.width)), 1)
			}
		}
		if l.longest > maxRowValues {
			return fmt.Errorf("%w: a row of over %d values", data.ErrLimit, maxRowValues)
		}
		values -= count
		b = b[size:]
	}
	return nil
}

// add takes so many equal levels.
func (l *rowLengths) add(level uint32, count int64) {
	switch {
	case count == 0:
		return
	case level == 0:
		l.row = 1
	default:
		l.row += count
	}
	l.longest = max(l.longest, l.row)
}
