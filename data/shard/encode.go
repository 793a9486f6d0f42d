package shard

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"iter"
	"sync"
)

// The reader makes batches, workers encode them in any order, and the writer takes them in the order in which they were read:
//
//	units → reader → batches → workers → writer
//	                    └── in order ──────┘
//
// At most 2·Workers + 2 batches are under way, so memory is bounded and a slow text stops nobody but the writer.
const (
	batchTexts = 512
	batchBytes = 1 << 20
)

// batch is some units one after another.
type batch struct {
	first   int64 // number of the first unit
	units   []Unit
	encoded []unit
	raw     []byte // tokens of all units, as they stand in a file
	err     error
	done    chan struct{} // closed by the worker
}

// unit is what the writer has to know of one.
type unit struct {
	tokens int64
	loss   int64 // tokens that count
	sum    [sha256.Size]byte
}

// encodeAll hands every batch to write, in order. The first error ends it: of the units, of a worker or of write.
func (b *builder) encodeAll(units iter.Seq2[Unit, error], write func(*batch) error) (err error) {
	queue := make(chan *batch)                    // to the workers
	order := make(chan *batch, 2*b.opt.Workers+1) // to the writer
	quit := make(chan struct{})                   // the writer has failed
	var wg sync.WaitGroup
	defer wg.Wait()
	for range b.opt.Workers {
		wg.Go(func() {
			h := sha256.New()
			for batch := range queue {
				batch.err = b.encode(batch, h)
				close(batch.done)
			}
		})
	}
	var readErr error
	wg.Go(func() {
		defer close(order)
		defer close(queue)
		readErr = read(units, b.info.Units, func(next *batch) bool {
			for _, to := range []chan<- *batch{order, queue} {
				select {
				case to <- next:
				case <-quit:
					return false
				}
			}
			return true
		})
	})
	defer close(quit)
	for next := range order {
		if <-next.done; next.err != nil {
			return next.err
		}
		if err := write(next); err != nil {
			return err
		}
	}
	return readErr // set before order was closed
}

// read gathers units into batches, numbered from first.
func read(units iter.Seq2[Unit, error], first int64, give func(*batch) bool) error {
	fresh := func() *batch { return &batch{first: first, done: make(chan struct{})} }
	next, held := fresh(), 0
	for u, err := range units {
		if err != nil {
			return err
		}
		next.units = append(next.units, u)
		first++
		if held += len(u.Text) + 4*len(u.Tokens); held < batchBytes && len(next.units) < batchTexts {
			continue
		}
		if !give(next) {
			return nil
		}
		next, held = fresh(), 0
	}
	if len(next.units) > 0 {
		give(next)
	}
	return nil
}

// encode makes the bytes of every unit of a batch.
func (b *builder) encode(batch *batch, h hash.Hash) error {
	batch.encoded = make([]unit, len(batch.units))
	for i := range batch.units {
		ids, err := b.ids(&batch.units[i])
		if err != nil {
			return fmt.Errorf("unit %d: %w", batch.first+int64(i), err)
		}
		out := &batch.encoded[i]
		hashUnit(h, &batch.units[i])
		h.Sum(out.sum[:0])
		out.tokens, out.loss = int64(len(ids)), int64(len(ids))
		for _, counts := range batch.units[i].Mask {
			if counts == 0 {
				out.loss--
			}
		}
		for j, id := range ids {
			if uint32(id) >= b.head.vocab {
				return fmt.Errorf("%w: unit %d token %d is %d, the vocabulary has %d", ErrUnit, batch.first+int64(i), j, id, b.head.vocab)
			}
			if b.head.flags&flag16 != 0 {
				batch.raw = binary.LittleEndian.AppendUint16(batch.raw, uint16(id))
			} else {
				batch.raw = binary.LittleEndian.AppendUint32(batch.raw, uint32(id))
			}
		}
		batch.units[i].Text = "" // the writer needs no text
	}
	return nil
}

// ids gives the tokens of a unit: BOS + text + EOS, or those it came with.
func (b *builder) ids(u *Unit) ([]int32, error) {
	if u.Tokens == nil {
		ids, err := b.enc.EncodePlain(u.Text)
		if err != nil {
			return nil, fmt.Errorf("tokenizer: %w", err)
		}
		whole := make([]int32, 0, len(ids)+2)
		return append(append(append(whole, b.bos), ids...), b.eos), nil
	}
	switch {
	case len(u.Tokens) == 0:
		return nil, fmt.Errorf("%w: it has no token", ErrUnit)
	case u.Mask != nil && (!b.opt.Mask || len(u.Mask) != len(u.Tokens)):
		return nil, fmt.Errorf("%w: it has %d tokens and a mask of %d (is Mask on?)", ErrUnit, len(u.Tokens), len(u.Mask))
	}
	return u.Tokens, nil
}

// hashUnit sets h to the hash of one unit.
func hashUnit(h hash.Hash, u *Unit) {
	h.Reset()
	if u.Tokens == nil {
		io.WriteString(h, "t")
		io.WriteString(h, u.Text)
		return
	}
	var word [4]byte
	fmt.Fprintf(h, "i%d ", len(u.Tokens))
	for _, id := range u.Tokens {
		binary.LittleEndian.PutUint32(word[:], uint32(id))
		h.Write(word[:])
	}
	h.Write(u.Mask)
}
