package mix

import (
	"fmt"
	"io"

	"github.com/primer-lm/primer/data"
)

// NextRagged gives the next batch of whole units, each its own document, with at
// most tokens inputs in all; then io.EOF. A unit of n tokens gives n-1 inputs: its
// last token is only a target. Units of fewer than two tokens train nothing and
// are passed over. The budget ends the stream before the unit that would exceed it.
//
// A stream gives packed rows or ragged batches, not both.
func (s *Stream) NextRagged(tokens int) (*data.Batch, error) {
	b := &data.Batch{Sample: s.cur.docs, CuLens: []int32{0}}
	if err := s.ragged(tokens, func(p piece) error { return s.m.add(b, p) }); err != nil {
		return nil, err
	}
	return b, nil
}

// SkipRagged passes over n batches without reading their tokens, as a rank does
// with the batches of the others; io.EOF where there are fewer.
func (s *Stream) SkipRagged(tokens int, n int64) error {
	for range n {
		if err := s.ragged(tokens, func(piece) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// CountRagged tells how many batches NextRagged gives from the front, by walking
// over the lengths: what a schedule needs to know.
func (m *Mixture) CountRagged(tokens int) (batches int64, err error) {
	s := m.Stream()
	for {
		switch err := s.SkipRagged(tokens, 1); err {
		case nil:
			batches++
		case io.EOF:
			return batches, nil
		default:
			return 0, err
		}
	}
}

// ragged moves over the documents of one batch and hands each to add.
func (s *Stream) ragged(tokens int, add func(piece) error) error {
	for held := 0; ; {
		next, p, err := s.peek(tokens)
		if err == io.EOF && held > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if held > 0 && held+p.n-1 > tokens {
			return nil
		}
		if err := add(p); err != nil {
			return err
		}
		held += p.n - 1
		s.cur = next
	}
}

// peek finds the next document without moving: the place after it, and its tokens.
// A cut unit shares one token between pieces, the last target of one and the first
// input of the next, so that every token but the first is a target once.
func (s *Stream) peek(tokens int) (cursor, piece, error) {
	most := min(s.m.opt.Length, tokens)
	next := s.cur.clone()
	for next.lane < 0 || next.size-next.offset < 2 {
		ok, err := s.m.draw(&next)
		if err != nil {
			return next, piece{}, err
		}
		if !ok {
			return next, piece{}, io.EOF
		}
		if next.token+int64(next.size) > s.m.budget {
			return next, piece{}, io.EOF
		}
		next.token += int64(next.size)
	}
	p := piece{lane: next.lane, unit: next.unit, from: next.offset, n: next.size - next.offset, first: next.offset == 0}
	if p.n-1 > most {
		if !s.m.opt.CutLong {
			return next, piece{}, fmt.Errorf("%w: source %q unit %d has %d tokens, a document may have %d: shorten it, raise the length or cut long units",
				ErrLong, s.m.parts[p.lane].Name, p.unit, p.n, most+1)
		}
		p.n = most + 1
	}
	next.offset += p.n - 1
	next.docs++
	return next, p, nil
}

// add appends one document to a batch.
func (m *Mixture) add(b *data.Batch, p piece) error {
	ids, mask := make([]int32, p.n), make([]uint8, p.n)
	if err := m.read(p, ids, mask); err != nil {
		return err
	}
	if p.first {
		b.Starts = append(b.Starts, int32(len(b.Tokens)))
	}
	b.Tokens = append(b.Tokens, ids[:p.n-1]...)
	b.Targets = append(b.Targets, ids[1:]...)
	b.Mask = append(b.Mask, mask[1:]...)
	for i := range p.n - 1 {
		b.Positions = append(b.Positions, int32(i))
		b.LossTokens += int64(mask[i+1])
	}
	b.CuLens = append(b.CuLens, int32(len(b.Tokens)))
	return nil
}
