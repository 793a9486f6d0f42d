package warc

import (
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
)

const (
	// maxReread is how much of one archive may be read a second time, in bytes, because lengths in it lie: what it costs is
	// bounded, however many do.
	maxReread = 64 * MaxBody
	// reread is how much is given at a time of what is read again: less is then put back when the next length lies too.
	reread = 4 << 10
)

// source is a stream that takes back what was read of it.
type source struct {
	in    io.Reader
	front []byte // front[at:] comes before the stream
	at    int
	again int64 // bytes that were put back, buffers left out
}

func (s *source) Read(p []byte) (int, error) {
	if s.at == len(s.front) {
		s.front, s.at = s.front[:0], 0
		return s.in.Read(p)
	}
	n := copy(p, s.front[s.at:min(len(s.front), s.at+reread)])
	s.at += n
	return n, nil
}

// unread puts rest and what a buffer held behind it back: into the room of what was read of front, where they came from, or, when
// front is used up, into a new one, which is never longer than a record's body and a buffer.
func (s *source) unread(rest, buffered []byte) error {
	if s.again += int64(len(rest)); s.again > maxReread {
		return fmt.Errorf("%w: lengths of too many records are wrong: more than %d MiB were read twice", data.ErrStream, maxReread>>20)
	}
	if n := len(rest) + len(buffered); n > s.at {
		s.front = append(make([]byte, n, n+len(s.front)-s.at), s.front[s.at:]...)
		s.at = n
	}
	s.at -= copy(s.front[s.at-len(buffered):], buffered)
	s.at -= copy(s.front[s.at-len(rest):], rest)
	return nil
}
