package curate

import (
	"context"
	"iter"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// exact drops all but the first of texts that are equal up to blanks. Texts are compared by a hash of 128 bits: among 10^12
// documents the chance that any two others are taken for equal is 2·10^-15. Hashes are sorted on disk where they exceed the memory.
type exact struct{ spill }

// fingerprint hashes a text, every run of blanks as one and none at its ends.
func fingerprint(text string, scratch []byte) (xxh3.Uint128, []byte) {
	scratch = scratch[:0]
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && text[i] < utf8.RuneSelf && ascii[text[i]] != blankClass {
			i++
		}
		size, blank := 1, true
		if i < len(text) && text[i] >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			if blank = unicode.IsSpace(r); !blank {
				i += size
			}
		}
		scratch = append(scratch, text[start:i]...)
		if blank && i < len(text) {
			if i += size; len(scratch) > 0 && scratch[len(scratch)-1] != ' ' {
				scratch = append(scratch, ' ')
			}
		}
	}
	if n := len(scratch); n > 0 && scratch[n-1] == ' ' {
		scratch = scratch[:n-1]
	}
	return xxh3.Hash128(scratch), scratch
}

func (x *exact) find(ctx context.Context, in *input) (originals, error) {
	hashes := newSorter(x.spill, "exact")
	scratch := make([][]byte, parallel())
	err := pipeline(ctx, in, func(worker int, b *batch) ([]entry, error) {
		entries := make([]entry, b.len())
		for i := range entries {
			doc, err := b.document(i)
			if err != nil {
				return nil, err
			}
			var sum xxh3.Uint128
			sum, scratch[worker] = fingerprint(doc.Text, scratch[worker])
			entries[i] = entry{sum.Hi, sum.Lo, b.first + int64(i)}
		}
		return entries, nil
	}, func(_ *batch, entries []entry) error {
		for _, e := range entries {
			if err := hashes.add(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Both sorts hold the memory for a moment; the second one gets a quarter of it, for duplicates are fewer.
	smaller := x.spill
	smaller.memory /= 4
	twice := newSorter(smaller, "duplicates") // key: the duplicate's number; n: the original's
	var first entry
	any := false
	err = hashes.each(func(e entry) error {
		if !any || e.hi != first.hi || e.lo != first.lo {
			first, any = e, true
			return nil
		}
		return twice.add(entry{hi: uint64(e.n), n: first.n})
	})
	if err != nil {
		return nil, err
	}
	return newSortedOriginals(twice), nil
}

// sortedOriginals reads originals in the order of their duplicates.
type sortedOriginals struct {
	next func() (entry, error, bool)
	stop func()
	head entry
	more bool
	err  error
}

func newSortedOriginals(s *sorter) *sortedOriginals {
	o := &sortedOriginals{}
	o.next, o.stop = iter.Pull2(func(yield func(entry, error) bool) {
		err := s.each(func(e entry) error {
			if !yield(e, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && err != errEnough {
			yield(entry{}, err)
		}
	})
	o.head, o.err, o.more = o.next()
	return o
}

func (o *sortedOriginals) of(n int64) (int64, error) {
	if o.err != nil || !o.more || int64(o.head.hi) != n {
		return n, o.err
	}
	first := o.head.n
	o.head, o.err, o.more = o.next()
	return first, nil
}

func (o *sortedOriginals) close() error {
	o.stop()
	return nil
}
