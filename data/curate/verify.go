package curate

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/primer-lm/primer/internal/durable"
)

// maxCandidates is how many kept texts of one band a further one is compared with. A band that joins many texts of which few are
// similar (a common form) would otherwise cost the square of their number.
const maxCandidates = 8

// verified joins only pairs that have the similarity x.opt.Verify. What shares a band is known after the sort; the shingles of
// those documents, 8 bytes each, go to disk in a pass of their own, and pairs are compared from there. In memory: a bit for each
// document and 12 bytes for each that shares a band.
func (x *near) verified(ctx context.Context, in *input, keys *sorter, documents int64) (originals, error) {
	involved := make([]uint64, (documents+63)/64)
	if err := x.buckets(keys, involved); err != nil {
		return nil, err
	}
	sets := &shingleSets{}
	if err := x.writeSets(ctx, in, involved, sets); err != nil {
		return nil, err
	}
	if in.documents != documents {
		return nil, fmt.Errorf("%w: %d documents, then %d", ErrChanged, documents, in.documents)
	}
	return x.compare(sets, documents)
}

const (
	bucketsName = "buckets"
	setsName    = "shingles"
)

// buckets writes the documents that share a band: their number, then theirs, 4 bytes each.
func (x *near) buckets(keys *sorter, involved []uint64) (err error) {
	f, err := x.create(bucketsName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 256<<10)
	var members []uint32
	var key entry
	flush := func() error {
		if len(members) > 1 {
			for _, n := range append([]uint32{uint32(len(members))}, members...) {
				var raw [4]byte
				binary.LittleEndian.PutUint32(raw[:], n)
				if _, err := w.Write(raw[:]); err != nil {
					return err
				}
			}
			for _, n := range members {
				involved[n/64] |= 1 << (n % 64)
			}
		}
		members = members[:0]
		return nil
	}
	err = keys.each(func(e entry) error {
		if e.hi != key.hi || e.lo != key.lo {
			if err := flush(); err != nil {
				return err
			}
			key = e
		}
		members = append(members, uint32(e.n))
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return err
	}
	return w.Flush()
}

// shingleSets says where the sets of documents stand in the file.
type shingleSets struct {
	documents []uint32 // in order
	ends      []int64  // of their sets, in shingles
	file      durable.File
}

func (x *near) writeSets(ctx context.Context, in *input, involved []uint64, sets *shingleSets) (err error) {
	f, err := x.create(setsName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 256<<10)
	signers := sync.Pool{New: func() any { return newSigner(x) }}
	type found struct {
		n   uint32
		set []uint64
	}
	end := int64(0)
	err = pipeline(ctx, in, func(_ int, b *batch) ([]found, error) {
		s := signers.Get().(*signer)
		defer signers.Put(s)
		var out []found
		for i := range b.len() {
			n := b.first + int64(i)
			if n/64 >= int64(len(involved)) || involved[n/64]>>(n%64)&1 == 0 {
				continue
			}
			doc, err := b.document(i)
			if err != nil {
				return nil, err
			}
			out = append(out, found{uint32(n), s.set(doc.Text)})
		}
		return out, nil
	}, func(_ *batch, all []found) error {
		for _, one := range all {
			end += int64(len(one.set))
			sets.documents, sets.ends = append(sets.documents, one.n), append(sets.ends, end)
			if err := binary.Write(w, binary.LittleEndian, one.set); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// set gives the different shingles of a text, sorted.
func (s *signer) set(text string) []uint64 {
	var all []uint64
	s.eachShingle(text, func(some []uint64) { all = append(all, some...) })
	slices.Sort(all)
	return slices.Compact(all)
}

// read gives the set of a document.
func (s *shingleSets) read(n uint32) ([]uint64, error) {
	i, ok := slices.BinarySearch(s.documents, n)
	if !ok {
		return nil, fmt.Errorf("%w: document %d", ErrChanged, n+1)
	}
	from := int64(0)
	if i > 0 {
		from = s.ends[i-1]
	}
	set := make([]uint64, s.ends[i]-from)
	err := binary.Read(io.NewSectionReader(s.file, 8*from, 8*int64(len(set))), binary.LittleEndian, set)
	return set, err
}

// fill reads a set that was not read before.
func (s *shingleSets) fill(n uint32, set *[]uint64) (err error) {
	if *set == nil {
		*set, err = s.read(n)
	}
	return err
}

// compare goes through the buckets and joins what is similar.
func (x *near) compare(sets *shingleSets, documents int64) (_ originals, err error) {
	if sets.file, err = x.fsys.Open(x.path(setsName)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sets.file.Close()) }()
	f, err := x.fsys.Open(x.path(bucketsName))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	forest := newForest(documents)
	apart := map[[2]uint32]bool{} // pairs that were found to differ, in another band
	r := bufio.NewReaderSize(f, 256<<10)
	for {
		var size uint32
		err := binary.Read(r, binary.LittleEndian, &size)
		if err == io.EOF {
			return forest, nil
		}
		if err != nil {
			return nil, err
		}
		if err := x.bucket(r, int(size), sets, forest, apart); err != nil {
			return nil, err
		}
	}
}

// bucket compares the documents that share a band: each with the first ones of those that are not joined to one before.
func (x *near) bucket(r io.Reader, size int, sets *shingleSets, f *forest, apart map[[2]uint32]bool) error {
	type candidate struct {
		n   uint32
		set []uint64
	}
	var kept []candidate
	for range size {
		var n uint32
		if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
			return err
		}
		var set []uint64
		joined := false
		for i := range kept {
			k := &kept[i]
			if joined = f.root(n) == f.root(k.n); joined {
				break
			}
			if apart[[2]uint32{k.n, n}] {
				continue
			}
			if err := errors.Join(sets.fill(n, &set), sets.fill(k.n, &k.set)); err != nil {
				return err
			}
			if joined = jaccard(k.set, set) >= x.opt.Verify; joined {
				f.join(k.n, n)
				break
			}
			if len(apart) == maxApart {
				clear(apart)
			}
			apart[[2]uint32{k.n, n}] = true
		}
		if !joined && len(kept) < maxCandidates {
			kept = append(kept, candidate{n, set})
		}
	}
	return nil
}

// maxApart bounds the pairs that are remembered to differ.
const maxApart = 1 << 18

// jaccard is |a ∩ b| / |a ∪ b| of sorted sets.
func jaccard(a, b []uint64) float64 {
	both, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			both, i, j = both+1, i+1, j+1
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	if either := len(a) + len(b) - both; either > 0 {
		return float64(both) / float64(either)
	}
	return 1
}
