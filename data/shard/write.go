package shard

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
)

// writer is the shard that is being written.
type writer struct {
	out   *durable.Writer
	head  *header
	count Count
	loss  int64
	index []byte    // offsets so far
	mask  []byte    // bits so far
	texts hash.Hash // over the hashes of the units
	err   error     // of the first write that failed
}

// begin starts the next shard.
func (b *builder) begin() error {
	name := fmt.Sprintf("%05d.shard", len(b.info.Shards))
	out, err := durable.Create(b.part.fsys, filepath.Join(b.part.path, name))
	if err != nil {
		return err
	}
	b.open = &writer{out: out, head: &b.head, count: Count{File: name}, texts: sha256.New(),
		index: append(b.index[:0], make([]byte, 8)...), mask: b.mask[:0]}
	b.open.write(b.head.front())
	return nil
}

func (w *writer) write(p []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(p)
	}
}

// add writes one unit; a failure is seen by close.
func (w *writer) add(u *unit, raw []byte, mask []uint8) {
	w.write(raw)
	if w.head.flags&flagMask != 0 {
		for i := range u.tokens {
			w.addMask(w.count.Tokens+i, mask == nil || mask[i] != 0)
		}
	}
	w.texts.Write(u.sum[:])
	w.loss += u.loss
	w.count.Tokens += u.tokens
	w.count.Units++
	w.index = binary.LittleEndian.AppendUint64(w.index, uint64(w.count.Tokens))
}

func (w *writer) addMask(at int64, counts bool) {
	if at%8 == 0 {
		w.mask = append(w.mask, 0)
	}
	if counts {
		w.mask[at/8] |= 1 << (at % 8)
	}
}

// drop removes the shard that is being written, if there is one.
func (b *builder) drop() error {
	if b.open == nil {
		return nil
	}
	out := b.open.out
	b.open = nil
	return out.Abort()
}

// close writes mask, index and footer of the open shard, makes it durable and records it.
func (b *builder) close() error {
	w := b.open
	b.open, b.index, b.mask = nil, w.index, w.mask
	h := b.head
	h.units, h.tokens = w.count.Units, w.count.Tokens
	var zeros [8]byte
	raw := h.tokens * h.width()
	w.write(zeros[:pad8(raw)-raw])
	w.write(w.mask)
	w.write(zeros[:pad8(int64(len(w.mask)))-int64(len(w.mask))])
	w.write(w.index)
	w.write(h.footer())
	if w.err != nil {
		return errors.Join(w.err, w.out.Abort())
	}
	sum, err := w.out.Commit()
	if err != nil {
		return err
	}
	r := record{Count: w.count, Loss: w.loss, Texts: hex.EncodeToString(w.texts.Sum(nil)), Sum: sum}
	b.count(r)
	return b.part.record(r)
}
