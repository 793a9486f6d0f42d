package warc

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"

	"github.com/primer-lm/primer/data"
)

// MaxBody is how much of a record is read, in bytes; larger texts are errors of their records, larger records of other kinds
// are passed over.
const MaxBody = data.MaxLine

// Tables lets package data's readers take web archives: data.Options.Tables.
func Tables() *data.Tables {
	return &data.Tables{
		Names: ".warc .wet",
		Knows: func(path string) bool {
			switch filepath.Ext(strings.ToLower(data.TrimCompression(path))) {
			case ".warc", ".wet":
				return true
			}
			return false
		},
		Read: read,
	}
}

// errStop ends reading because the consumer has enough.
var errStop = errors.New("stop")

// read gives the documents of one archive.
func read(f *data.File, opt data.TableOptions) iter.Seq2[data.Row, error] {
	return func(yield func(data.Row, error) bool) {
		r := &reader{name: f.Name(), report: opt.Report, yield: yield}
		if r.report == nil {
			r.report = &data.Report{}
		}
		in, err := f.Open(r.report)
		if err == nil {
			r.report.Files++
			err = r.all(in)
			in.Close()
		}
		if err != nil && err != errStop {
			yield(data.Row{}, &data.LineError{File: r.name, Line: r.n, Err: err})
		}
	}
}

// reader is the state of one pass over an archive.
type reader struct {
	name   string
	report *data.Report
	yield  func(data.Row, error) bool

	src  *source
	in   *bufio.Reader // over src
	n    int64         // records begun
	body []byte
}

// readBuffer is more than a header may have, so that a peek shows what comes next.
const readBuffer = 1 << 16

func (r *reader) all(in io.Reader) error {
	r.src = &source{in: in}
	r.in = bufio.NewReaderSize(r.src, readBuffer)
	for {
		if err := r.skipBlank(); err == io.EOF {
			if r.n == 0 {
				return fmt.Errorf("%w: no record in it", data.ErrStream)
			}
			return nil
		} else if err != nil {
			return err
		}
		r.n++
		if err := r.record(); err != nil {
			return err
		}
	}
}

// record reads one record whole, checks that it ends where it says, and hands out what is in it.
func (r *reader) record() error {
	h, err := readHeader(r.in)
	var bad *recordError
	if errors.As(err, &bad) {
		return r.lost(bad, nil)
	}
	if err != nil {
		return err
	}
	r.body = r.body[:0]
	held := min(h.length, MaxBody)
	if err := r.fill(held); err != nil {
		return err
	}
	if n, err := io.CopyN(io.Discard, r.in, h.length-held); err != nil {
		return cut(err, held+n, h.length)
	}
	if err := r.ends(); err != nil {
		if errors.As(err, &bad) {
			return r.lost(bad, r.body)
		}
		return err
	}
	doc, err := r.document(h)
	switch {
	case errors.As(err, &bad):
		return r.broken(bad)
	case err != nil || doc == nil:
		return err
	}
	if !r.yield(data.Row{N: r.n, Document: doc}, nil) {
		return errStop
	}
	return nil
}

// fill reads n bytes of the body; memory grows with what is there, not with what a header says.
func (r *reader) fill(n int64) error {
	b := bytes.NewBuffer(r.body)
	got, err := io.CopyN(b, r.in, n)
	r.body = b.Bytes()
	if err != nil {
		return cut(err, got, n)
	}
	return nil
}

// cut names an end of file inside a record.
func cut(err error, got, want int64) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: the file ends in the record, after %d of %d bytes", data.ErrStream, got, want)
	}
	return err
}

// ends checks that the record is followed by the next one or by the end of the file. Any number of line ends may stand between
// them: some writers are off by one.
func (r *reader) ends() error {
	if err := r.skipBlank(); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	if head, err := r.in.Peek(len(version)); err != nil || string(head) != version {
		if err != nil && err != io.EOF {
			return err
		}
		return failed("the record does not end where its Content-Length says")
	}
	return nil
}

func (r *reader) skipBlank() error {
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			return err
		}
		if b != '\r' && b != '\n' {
			return r.in.UnreadByte()
		}
	}
}

// lost hands out a broken record and finds the next line that starts one, first in what was read as the record's body.
func (r *reader) lost(bad *recordError, body []byte) error {
	if err := r.broken(bad); err != nil {
		return err
	}
	if at := startIn(body); at >= 0 {
		return r.unread(body[at:])
	}
	for {
		head, err := r.in.Peek(len(version))
		if string(head) == version {
			return nil
		}
		if err == io.EOF {
			_, err = r.in.Discard(len(head))
			return err
		}
		if err != nil {
			return err
		}
		if err := r.skipLine(); err != nil && err != io.EOF {
			return err
		}
	}
}

// unread puts the end of a body back, before what the buffer holds.
func (r *reader) unread(rest []byte) error {
	buffered, err := r.in.Peek(r.in.Buffered())
	if err == nil {
		err = r.src.unread(rest, buffered)
	}
	r.in.Reset(r.src)
	return err
}

// skipLine reads past the next line end.
func (r *reader) skipLine() error {
	for {
		_, err := r.in.ReadSlice('\n')
		if err != bufio.ErrBufferFull {
			return err
		}
	}
}

// startIn finds a line of body that starts a record; at the front there is none.
func startIn(body []byte) int {
	if i := bytes.Index(body, []byte("\n"+version)); i >= 0 {
		return i + 1
	}
	return -1
}

func (r *reader) broken(bad *recordError) error {
	if !r.yield(data.Row{N: r.n}, &data.LineError{File: r.name, Line: r.n, Err: bad}) {
		return errStop
	}
	return nil
}

// recordError is what costs one record only.
type recordError struct{ reason string }

func (e *recordError) Error() string { return data.ErrBroken.Error() + ": " + e.reason }

// Is makes it data.ErrBroken.
func (e *recordError) Is(target error) bool { return target == data.ErrBroken }

func failed(format string, args ...any) error { return &recordError{fmt.Sprintf(format, args...)} }

// checkDigest compares the body with a header's digest, where that is a SHA-1 in one of its two spellings.
func checkDigest(digest string, body []byte) error {
	name, value, _ := strings.Cut(digest, ":")
	if !strings.EqualFold(name, "sha1") {
		return nil
	}
	var want []byte
	var err error
	switch len(value) {
	case 32:
		want, err = base32.StdEncoding.DecodeString(strings.ToUpper(value))
	case 40:
		want, err = hex.DecodeString(value)
	default:
		return nil
	}
	if got := sha1.Sum(body); err != nil || !bytes.Equal(got[:], want) {
		return failed("WARC-Block-Digest %s does not fit the record", digest)
	}
	return nil
}
