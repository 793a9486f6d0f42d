package report

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode"
)

// Twice says how much of something stands more than once.
type Twice struct {
	All      int64 `json:"all"`
	Distinct int64 `json:"distinct"`
	// OneIn is 1 where every one was compared; otherwise those with one hash in so many were, and Distinct is the estimate from them.
	OneIn int64 `json:"one_in"`
}

// Share is how many are copies of another.
func (t Twice) Share() float64 {
	if t.All == 0 {
		return 0
	}
	return float64(t.All-t.Distinct) / float64(t.All)
}

// maxHashes bounds what is compared, in 64-bit hashes: some 32 MB.
const maxHashes = 1 << 20

// distinct counts distinct texts in bounded memory. It keeps the hashes whose last bits are zero, of as many bits as it takes that
// they fit: all copies of a text are kept or none, so the share of copies among the kept is an unbiased estimate.
type distinct struct {
	most      int // hashes
	all, kept int64
	bits      uint
	seen      map[uint64]int64 // how often
	buf       []byte
}

func newDistinct() *distinct { return &distinct{most: maxHashes, seen: map[uint64]int64{}} }

func (d *distinct) add(text string) {
	d.all++
	d.buf = normal(d.buf[:0], text)
	sum := sha256.Sum256(d.buf) // as fast as reading where the processor has instructions for it
	h := binary.LittleEndian.Uint64(sum[:])
	if h&(1<<d.bits-1) != 0 {
		return
	}
	d.kept++
	d.seen[h]++
	for len(d.seen) > d.most {
		d.bits++
		for h, n := range d.seen {
			if h&(1<<d.bits-1) != 0 {
				delete(d.seen, h)
				d.kept -= n
			}
		}
	}
}

func (d *distinct) twice() Twice {
	t := Twice{All: d.all, Distinct: int64(len(d.seen)), OneIn: 1 << d.bits}
	if d.bits > 0 && d.kept > 0 {
		t.Distinct = int64(float64(d.all) * float64(len(d.seen)) / float64(d.kept))
	}
	return t
}

// normal appends a text in lower case with single blanks.
func normal(to []byte, text string) []byte {
	blank := false
	for _, r := range strings.TrimSpace(text) {
		if unicode.IsSpace(r) {
			blank = true
			continue
		}
		if blank {
			to, blank = append(to, ' '), false
		}
		to = append(to, string(unicode.ToLower(r))...)
	}
	return to
}
