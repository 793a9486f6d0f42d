package records

import "io"

// ahead reads a file in long pieces where short ones are asked for one after another: over a network every request costs as much
// as megabytes.
type ahead struct {
	file   io.ReaderAt
	buffer int // bytes of a piece
	at     int64
	piece  []byte
}

// ReadAt is io.ReaderAt's, but for one goroutine.
func (a *ahead) ReadAt(p []byte, at int64) (int, error) {
	if len(p) >= a.buffer {
		return a.file.ReadAt(p, at)
	}
	if at < a.at || at+int64(len(p)) > a.at+int64(len(a.piece)) {
		if a.piece == nil {
			a.piece = make([]byte, a.buffer)
		}
		n, err := a.file.ReadAt(a.piece[:a.buffer], at)
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
