package warc

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// version starts every record.
const version = "WARC/"

const (
	maxHeader = 64 << 10 // bytes of one record's header
	maxFields = 1000
)

// header is the named fields of a record.
type header struct {
	fields map[string]string // by name in lower case; of a name that stands twice, the first
	length int64
}

func (h *header) get(name string) string { return h.fields[name] }

// readHeader reads the version line and the fields up to the blank line behind them. What is wrong with them is a
// *recordError; an end of file in them is a damaged stream.
func readHeader(in *bufio.Reader) (*header, error) {
	l := &lines{in: in, left: maxHeader}
	first, err := l.next()
	if err != nil {
		return nil, err
	}
	if v := strings.TrimPrefix(first, version); v == first || !strings.HasPrefix(v, "1.") && !strings.HasPrefix(v, "0.") {
		return nil, failed("a record starts with WARC/1.0 or WARC/1.1, found %.40q", first)
	}
	h := &header{fields: map[string]string{}, length: -1}
	last := ""
	for n := 0; ; n++ {
		line, err := l.next()
		switch {
		case err != nil:
			return nil, err
		case line == "":
			return h, h.check()
		case n > maxFields:
			return nil, failed("more than %d header fields", maxFields)
		case line[0] == ' ' || line[0] == '\t': // goes on from the line before
			h.fields[last] += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, failed("header line %.60q has no name", line)
		}
		if last = strings.ToLower(strings.TrimSpace(name)); h.fields[last] == "" {
			h.fields[last] = strings.TrimSpace(value)
		} else if last == "content-length" {
			return nil, failed("Content-Length stands twice")
		}
	}
}

func (h *header) check() error {
	n, err := strconv.ParseInt(h.get("content-length"), 10, 64)
	switch {
	case h.get("content-length") == "":
		return failed("Content-Length is missing")
	case err != nil || n < 0:
		return failed("Content-Length %.40q is no length", h.get("content-length"))
	case h.get("warc-type") == "":
		return failed("WARC-Type is missing")
	}
	h.length = n
	return nil
}

// lines reads header lines within a number of bytes.
type lines struct {
	in   *bufio.Reader
	left int
}

func (l *lines) next() (string, error) {
	line, err := l.in.ReadSlice('\n')
	if l.left -= len(line); err == bufio.ErrBufferFull || l.left < 0 {
		return "", failed("a header of more than %d KiB", maxHeader>>10)
	}
	if err == io.EOF {
		return "", cut(err, int64(len(line)), int64(len(line))+1)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
}
