package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

var (
	utf8Mark    = []byte{0xef, 0xbb, 0xbf}
	utf16LEMark = []byte{0xff, 0xfe}
	utf16BEMark = []byte{0xfe, 0xff}
	replacement = []byte("\uFFFD")
)

// errStop ends a loop early because the consumer has enough.
var errStop = errors.New("stop")

// eachLine calls f with every line, without its line end. The slice is valid
// until f returns. A line above MaxLine is an error.
func eachLine(r io.Reader, f func(n int64, line []byte) error) error {
	br := bufio.NewReaderSize(r, 1<<16)
	var long []byte
	for n := int64(1); ; n++ {
		line, err := br.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			long = append(long[:0], line...)
			for err == bufio.ErrBufferFull && len(long) <= MaxLine {
				line, err = br.ReadSlice('\n')
				long = append(long, line...)
			}
			line = long
		}
		if len(line) > MaxLine {
			return atLine(n, fmt.Errorf("%w: a line of more than %d MiB", ErrLimit, MaxLine>>20))
		}
		if err != nil && err != io.EOF {
			return atLine(n, err)
		}
		if len(line) == 0 {
			return nil
		}
		last := err == io.EOF
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if n == 1 {
			if line, err = dropMark(line); err != nil {
				return atLine(n, err)
			}
		}
		if err := f(n, line); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

// dropMark takes a byte order mark off the start of a file.
func dropMark(b []byte) ([]byte, error) {
	if bytes.HasPrefix(b, utf16LEMark) || bytes.HasPrefix(b, utf16BEMark) {
		return nil, errors.New("the file is UTF-16: convert it to UTF-8")
	}
	return bytes.TrimPrefix(b, utf8Mark), nil
}

// repair replaces invalid UTF-8, and says whether there was any.
func repair(b []byte) ([]byte, bool) {
	if utf8.Valid(b) {
		return b, false
	}
	return bytes.ToValidUTF8(b, replacement), true
}

// atLine is a LineError whose file the caller fills in.
func atLine(n int64, err error) error { return &LineError{Line: n, Err: err} }
