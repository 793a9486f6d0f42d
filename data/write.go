package data

import (
	"bufio"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Writer writes records as JSON lines. Equal records give equal bytes, packed
// ones too: one goroutine, fixed levels, no names or times in the headers.
type Writer struct {
	out  *bufio.Writer
	pack io.Closer // nil when plain
	line []byte
	n    int64
}

// NewWriter writes to w, compressed as the ending of name asks: .gz, .zst (with a
// checksum) or none. Close it; w itself stays open.
func NewWriter(w io.Writer, name string) (*Writer, error) {
	out := &Writer{}
	switch _, comp := classify(name); comp {
	case gzipped:
		z, err := gzip.NewWriterLevel(w, gzip.DefaultCompression)
		if err != nil {
			return nil, err
		}
		out.pack, w = z, z
	case zstandard:
		// a file without a record still has a frame: readers take no byte at all for a lost file
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true), zstd.WithZeroFrames(true))
		if err != nil {
			return nil, err
		}
		out.pack, w = z, z
	case plain:
	default:
		return nil, fmt.Errorf("%w: %s: %s is read, not written (written: none, .gz, .zst)", ErrFormat, name, codecs[comp].name)
	}
	out.out = bufio.NewWriterSize(w, 1<<16)
	return out, nil
}

// Write appends one record.
func (w *Writer) Write(r Record) error {
	b, err := r.AppendJSON(w.line[:0])
	if err != nil {
		return fmt.Errorf("record %d%s: %w", w.n, withID(r), err)
	}
	w.line = append(b, '\n')
	if len(w.line) > MaxLine {
		return fmt.Errorf("record %d%s: %w: %d bytes on one line, readers take %d", w.n, withID(r), ErrLimit, len(w.line), MaxLine)
	}
	w.n++
	_, err = w.out.Write(w.line)
	return err
}

// withID names a record in an error.
func withID(r Record) string {
	id := ""
	switch r := r.(type) {
	case Document:
		id = r.ID
	case Example:
		id = r.ID
	case Chain:
		id = r.ID
	}
	if id == "" {
		return ""
	}
	return fmt.Sprintf(" (id %q)", id)
}

// Records is how many were written.
func (w *Writer) Records() int64 { return w.n }

// Close flushes what is buffered and ends the compressed stream.
func (w *Writer) Close() error {
	err := w.out.Flush()
	if w.pack != nil {
		if e := w.pack.Close(); err == nil {
			err = e
		}
	}
	return err
}
