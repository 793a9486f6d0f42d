package data

import (
	"io"
	"sync"
)

// farPiece is what is asked for at a time over a network, in bytes, where a request costs as much as some megabytes.
const farPiece = 4 << 20

// ReadAhead reads a file in pieces of so many bytes where short ones are asked for one after another. It keeps one piece, and is
// safe for concurrent use.
func ReadAhead(file io.ReaderAt, piece int) io.ReaderAt { return &ahead{file: file, size: piece} }

type ahead struct {
	file  io.ReaderAt
	size  int // bytes of a piece
	mu    sync.Mutex
	at    int64
	piece []byte
}

// ReadAt is io.ReaderAt's.
func (a *ahead) ReadAt(p []byte, at int64) (int, error) {
	if len(p) >= a.size {
		return a.file.ReadAt(p, at)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if at < a.at || at+int64(len(p)) > a.at+int64(len(a.piece)) {
		if a.piece == nil {
			a.piece = make([]byte, a.size)
		}
		n, err := a.file.ReadAt(a.piece[:a.size], at)
		a.at, a.piece = at, a.piece[:n]
		if n < len(p) {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return copy(p, a.piece), err
		}
	}
	return copy(p, a.piece[at-a.at:]), nil
}

// forget gives the memory of the piece back.
func (a *ahead) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.piece = nil
}
