package curate

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/zeebo/xxh3"
)

// NearOptions is the table [near].
type NearOptions struct {
	Shingle int     `toml:"shingle" json:"shingle"` // words
	Bands   int     `toml:"bands" json:"bands"`
	Rows    int     `toml:"rows" json:"rows"`     // minima of a band
	Verify  float64 `toml:"verify" json:"verify"` // least Jaccard similarity; 0: not computed
}

func (o *NearOptions) check() error {
	if o.Shingle < 1 || o.Shingle > 64 || o.Bands < 1 || o.Rows < 1 || o.Bands > 4096 || o.Rows > 4096 || o.Bands*o.Rows > 4096 {
		return fmt.Errorf("shingle = %d (1 to 64), bands = %d and rows = %d (1 or more, their product up to 4096)", o.Shingle, o.Bands, o.Rows)
	}
	return share("verify", o.Verify)
}

// near drops all but the first of nearly equal texts (MinHash with banding, Broder 1997; Leskovec et al., Mining of Massive
// Datasets, chapter 3). A text is the set of its shingles, runs of words in lower case without symbols; the similarity of two texts
// is the Jaccard similarity of their sets. Of each of bands·rows hash functions the least value over the set is kept; two texts
// agree in one with a probability that is their similarity s, so they share all rows of some band with probability
// 1-(1-s^rows)^bands. Texts that share a band are taken for duplicates, and so are those that a chain of such pairs joins; with
// Verify, a pair must have that similarity besides.
//
// A key for each band of each text is sorted, on disk where the memory does not hold it: 24 bytes · bands a document. What a key
// joins is kept in a forest of 4 bytes a document, in memory: a GiB holds 268 million documents. Texts without a word are kept.
type near struct {
	opt NearOptions
	spill
	multipliers []uint64
	bandSeeds   []uint64
}

func newNear(opt NearOptions, seed uint64, s spill) *near {
	n := &near{opt: opt, spill: s, multipliers: make([]uint64, opt.Bands*opt.Rows), bandSeeds: make([]uint64, opt.Bands)}
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	draw := func(i int) uint64 {
		binary.LittleEndian.PutUint64(b[8:], uint64(i))
		return xxh3.HashSeed(b[:], 0x6d696e68617368) // "minhash"
	}
	for i := range n.multipliers {
		n.multipliers[i] = draw(i) | 1 // odd: no two values become one
	}
	for i := range n.bandSeeds {
		n.bandSeeds[i] = draw(len(n.multipliers) + i)
	}
	return n
}

func (x *near) find(ctx context.Context, in *input) (originals, error) {
	keys := newSorter(x.spill, "bands")
	signers := make([]*signer, parallel())
	for i := range signers {
		signers[i] = newSigner(x)
	}
	err := pipeline(ctx, in, func(worker int, b *batch) ([]entry, error) {
		entries := make([]entry, 0, b.len()*x.opt.Bands)
		for i := range b.len() {
			doc, err := b.document(i)
			if err != nil {
				return nil, err
			}
			entries = signers[worker].keys(entries, doc.Text, b.first+int64(i))
		}
		return entries, nil
	}, func(_ *batch, entries []entry) error {
		for _, e := range entries {
			if err := keys.add(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	documents := in.documents
	if documents >= math.MaxUint32 {
		return nil, fmt.Errorf("%w: %d, stage near takes %d: cut the corpus into parts", ErrTooMany, documents, int64(math.MaxUint32)-1)
	}
	if x.opt.Verify > 0 {
		return x.verified(ctx, in, keys, documents)
	}
	f := newForest(documents)
	var first entry
	any := false
	err = keys.each(func(e entry) error {
		if !any || e.hi != first.hi || e.lo != first.lo {
			first, any = e, true
			return nil
		}
		f.join(uint32(first.n), uint32(e.n))
		return nil
	})
	return f, err
}

// forest joins documents into clusters; the root of each is its first document.
type forest struct{ up []uint32 }

func newForest(n int64) *forest {
	f := &forest{make([]uint32, n)}
	for i := range f.up {
		f.up[i] = uint32(i)
	}
	return f
}

// root halves the paths that it walks.
func (f *forest) root(i uint32) uint32 {
	for f.up[i] != i {
		f.up[i] = f.up[f.up[i]]
		i = f.up[i]
	}
	return i
}

func (f *forest) join(a, b uint32) {
	a, b = f.root(a), f.root(b)
	if a > b {
		a, b = b, a
	}
	f.up[b] = a // the same, where they are joined already
}

func (f *forest) of(n int64) (int64, error) {
	if n >= int64(len(f.up)) {
		return n, fmt.Errorf("%w: more than %d documents", ErrChanged, len(f.up))
	}
	return int64(f.root(uint32(n))), nil
}

func (f *forest) close() error { return nil }
