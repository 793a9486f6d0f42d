package mix

import (
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
)

// Stream reads a mixture from front to back. One goroutine at a time.
type Stream struct {
	m   *Mixture
	cur cursor
	row int64
}

// Stream starts at the front.
func (m *Mixture) Stream() *Stream { return &Stream{m: m, cur: m.start()} }

// Row is the number of the next packed row.
func (s *Stream) Row() int64 { return s.row }

// Next gives the next packed rows, fewer at the end, then io.EOF.
func (s *Stream) Next(rows int) (*data.Batch, error) {
	rows = int(min(int64(rows), s.m.Rows()-s.row))
	if rows <= 0 {
		return nil, io.EOF
	}
	length := s.m.opt.Length
	n := rows * length
	b := &data.Batch{
		Tokens: make([]int32, n), Targets: make([]int32, n), Positions: make([]int32, n), Mask: make([]uint8, n),
		Sample: s.cur.docs,
	}
	own := make([]uint8, n) // does token i count as a target?
	starts := make([]bool, n+1)
	var ends []end
	err := s.walk(rows, func(p piece, at int) error {
		starts[at] = starts[at] || p.first
		if p.resumed && at > 0 && (len(ends) == 0 || ends[len(ends)-1].at != at-1) {
			ends = append(ends, end{at: at - 1, target: -1})
		}
		return s.m.read(p, b.Tokens[at:at+p.n], own[at:at+p.n])
	}, func(p piece, at int) error {
		if at == 0 { // the batch before had it
			return nil
		}
		var target [1]int32
		var mask [1]uint8
		err := s.m.read(p, target[:], mask[:])
		ends = append(ends, end{at - 1, target[0], mask[0]})
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.shift(b, own, starts, ends); err != nil {
		return nil, err
	}
	s.m.place(b, starts)
	return b, nil
}

// end is a token whose text does not go on with the next token of the stream: its unit waits, and the target is the unit's own
// next token; or (target -1) a unit that waited goes on behind it, and there is none.
type end struct {
	at     int
	target int32
	mask   uint8
}

// Skip passes over rows without reading their tokens, as a rank does with the
// rows of the others.
func (s *Stream) Skip(rows int64) error {
	rows = min(rows, s.m.Rows()-s.row)
	for rows > 0 {
		step := int(min(rows, 1024))
		if err := s.walk(step, pass, pass); err != nil {
			return err
		}
		rows -= int64(step)
	}
	return nil
}

func pass(piece, int) error { return nil }

// SeekRow goes to a row by number. Going on from State is faster: a seek walks over
// all units before the row.
func (s *Stream) SeekRow(row int64) error {
	if row < s.row {
		s.cur, s.row = s.m.start(), 0
	}
	return s.Skip(row - s.row)
}

// walk moves over rows, calling visit with each piece and its place in the batch, and waits with the next token of a unit that
// has to wait and the place where it would stand. It counts the documents that begin.
func (s *Stream) walk(rows int, visit, waits func(p piece, at int) error) error {
	length := s.m.opt.Length
	for at, n := 0, rows*length; at < n; {
		left := length - at%length
		if left == length {
			if next := s.m.pause(&s.cur); next.n > 0 {
				if err := waits(next, at); err != nil {
					return err
				}
			}
		}
		p, err := s.m.advance(&s.cur, left)
		if err != nil {
			return err
		}
		if p.n == 0 {
			return fmt.Errorf("%w: the units ended at token %d of row %d", ErrShort, at%length, s.row+int64(at/length))
		}
		if at%length == 0 || (s.m.opt.Separate && p.first) {
			s.cur.docs++
		}
		if err := visit(p, at); err != nil {
			return err
		}
		at += p.n
	}
	s.row += int64(rows)
	return nil
}

// shift fills targets and mask. The last target is the first token after the
// batch, of the same unit where one goes on; at the end of the stream there is none, and it does not count.
func (s *Stream) shift(b *data.Batch, own []uint8, starts []bool, ends []end) error {
	n := len(b.Tokens)
	copy(b.Targets, b.Tokens[1:])
	copy(b.Mask, own[1:])
	ahead := s.cur.clone()
	p, err := s.m.advance(&ahead, 1)
	if err != nil {
		return err
	}
	if p.n == 1 {
		starts[n] = p.first
		if err := s.m.read(p, b.Targets[n-1:], b.Mask[n-1:]); err != nil {
			return err
		}
		if p.resumed {
			b.Mask[n-1] = 0
		}
	}
	if s.m.opt.Separate {
		for i := range n {
			if starts[i+1] {
				b.Mask[i] = 0
			}
		}
	}
	for _, e := range ends {
		if b.Mask[e.at] = e.mask; e.target >= 0 {
			b.Targets[e.at] = e.target
		}
	}
	for _, counts := range b.Mask {
		b.LossTokens += int64(counts)
	}
	return nil
}

// place sets document starts and positions.
func (m *Mixture) place(b *data.Batch, starts []bool) {
	position := int32(0)
	for i := range b.Tokens {
		row := i%m.opt.Length == 0
		if starts[i] {
			b.Starts = append(b.Starts, int32(i))
		}
		if row || (m.opt.Separate && starts[i]) {
			b.CuLens = append(b.CuLens, int32(i))
			position = 0
		}
		if m.opt.RestartPositions && starts[i] {
			position = 0
		}
		b.Positions[i] = position
		position++
	}
	b.CuLens = append(b.CuLens, int32(len(b.Tokens)))
}
