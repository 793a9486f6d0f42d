package records

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
)

// csvReader reads rows as Python's csv module writes and reads them: a quote counts at the
// start of a field only, two of them inside a quoted field are one, and what stands behind
// the closing quote belongs to the field. encoding/csv refuses a bare quote in a field
// without quotes, or else takes a quote that is never closed for the end of the file.
type csvReader struct {
	in    *bufio.Reader
	line  int64 // of the byte that comes next
	start int64 // of the row that was read last
}

func newCSV(r io.Reader) *csvReader { return &csvReader{in: bufio.NewReaderSize(r, 1<<16), line: 1} }

// next gives a row that is not blank, or io.EOF.
func (c *csvReader) next() ([]string, error) {
	for {
		row, err := c.row()
		if err != nil || len(row) > 1 || row[0] != "" {
			return row, err
		}
	}
}

func (c *csvReader) row() (row []string, err error) {
	c.start = c.line
	size := 0
	var field []byte
	quoted, began := false, false // inside quotes; the field has its first byte
	for any := false; ; any = true {
		b, err := c.in.ReadByte()
		if err == io.EOF {
			switch {
			case quoted:
				return nil, fmt.Errorf("%w: a quote that is never closed", data.ErrStream)
			case !any:
				return nil, io.EOF
			}
			return append(row, string(field)), nil
		}
		if err != nil {
			return nil, err
		}
		if size++; size > MaxRecord {
			return nil, fmt.Errorf("%w: a record of more than %d MiB", data.ErrLimit, MaxRecord>>20)
		}
		if b == '\n' {
			c.line++
		}
		switch {
		case quoted && b == '"':
			if next, err := c.in.Peek(1); err == nil && next[0] == '"' {
				c.in.ReadByte() // it has been seen
				field = append(field, '"')
			} else {
				quoted = false
			}
		case quoted:
			field = append(field, b)
		case b == '"' && !began:
			quoted, began = true, true
		case b == ',':
			row, field, began = append(row, string(field)), field[:0], false
		case b == '\n':
			return append(row, string(bytes.TrimSuffix(field, []byte("\r")))), nil
		default:
			field, began = append(field, b), true
		}
	}
}
