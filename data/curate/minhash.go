package curate

import (
	"encoding/binary"
	"math"

	"github.com/zeebo/xxh3"
)

// signer makes the band keys of one text after the other.
type signer struct {
	*near
	scan     words
	shingles []uint64 // some at a time
	ring     []uint64 // the words of the last shingle
	minima   []uint64
	band     []byte
}

// shinglesAtATime bounds what is held of a text, and lets it stay in the first cache: 8 KiB.
const shinglesAtATime = 1024

func newSigner(x *near) *signer {
	return &signer{near: x, shingles: make([]uint64, 0, shinglesAtATime), ring: make([]uint64, x.opt.Shingle),
		minima: make([]uint64, len(x.multipliers)), band: make([]byte, 8*x.opt.Rows)}
}

// eachShingle calls f with the hashes of a text's shingles, some at a time. A text of fewer words than a shingle is one shingle;
// one without words has none.
func (s *signer) eachShingle(text string, f func(some []uint64)) {
	size := s.opt.Shingle
	s.scan.text, s.scan.pos = text, 0
	s.shingles = s.shingles[:0]
	leaving := power(size)
	var hash uint64
	var w word
	n := 0
	for s.scan.next(&w) {
		if w.hash == 0 {
			continue
		}
		hash = hash*rolling + w.hash
		if n >= size {
			hash -= s.ring[n%size] * leaving
		}
		s.ring[n%size] = w.hash
		if n++; n < size {
			continue
		}
		if s.shingles = append(s.shingles, mix(hash)); len(s.shingles) == shinglesAtATime {
			f(s.shingles)
			s.shingles = s.shingles[:0]
		}
	}
	if n > 0 && n < size {
		s.shingles = append(s.shingles, mix(hash))
	}
	if len(s.shingles) > 0 {
		f(s.shingles)
	}
}

// sign computes the minima of a text; false where it has no shingle.
func (s *signer) sign(text string) bool {
	for i := range s.minima {
		s.minima[i] = math.MaxUint64
	}
	any := false
	s.eachShingle(text, func(some []uint64) {
		any = true
		minimise(s.minima, s.multipliers, some)
	})
	return any
}

// minimise is for i { for x in shingles { minima[i] = min(minima[i], x·multipliers[i] mod 2^64) } }: shingle hashes are spread
// evenly, and a product with a random odd number orders them anew. Four hash functions at a time stay in registers, so that a hash
// costs one multiplication and nothing is stored: the multiplier is what bounds it.
func minimise(minima, multipliers, shingles []uint64) {
	i := 0
	for ; i+4 <= len(minima); i += 4 {
		m := (*[4]uint64)(multipliers[i:])
		out := (*[4]uint64)(minima[i:])
		a, b, c, d := m[0], m[1], m[2], m[3]
		p, q, r, s := out[0], out[1], out[2], out[3]
		for _, x := range shingles {
			p, q, r, s = min(p, x*a), min(q, x*b), min(r, x*c), min(s, x*d)
		}
		out[0], out[1], out[2], out[3] = p, q, r, s
	}
	for ; i < len(minima); i++ {
		least := minima[i]
		for _, x := range shingles {
			least = min(least, x*multipliers[i])
		}
		minima[i] = least
	}
}

// keys appends the band keys of a text.
func (s *signer) keys(dst []entry, text string, n int64) []entry {
	if !s.sign(text) {
		return dst
	}
	rows := s.opt.Rows
	for band, seed := range s.bandSeeds {
		for i, v := range s.minima[band*rows : (band+1)*rows] {
			binary.LittleEndian.PutUint64(s.band[8*i:], v)
		}
		key := xxh3.Hash128Seed(s.band, seed)
		dst = append(dst, entry{key.Hi, key.Lo, n})
	}
	return dst
}
