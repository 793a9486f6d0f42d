package shard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

const (
	magic      = "PRIMSHRD"
	endMagic   = "DRHSMIRP"
	version    = 1
	flag16     = 1
	flagMask   = 2
	headerSize = 64
	footerSize = 24
)

// header is what stands at the front and at the end of a file.
type header struct {
	flags     uint32
	vocab     uint32
	tokenizer [32]byte
	units     int64
	tokens    int64
}

func (h *header) width() int64 {
	if h.flags&flag16 != 0 {
		return 2
	}
	return 4
}

func pad8(n int64) int64 { return (n + 7) &^ 7 }

// sections gives where tokens end, the index starts and the file ends.
func (h *header) sections() (mask, index, size int64) {
	mask = headerSize + pad8(h.tokens*h.width())
	index = mask
	if h.flags&flagMask != 0 {
		index += pad8((h.tokens + 7) / 8)
	}
	return mask, index, index + 8*(h.units+1) + footerSize
}

func (h *header) front() []byte {
	b := make([]byte, headerSize)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint32(b[12:], h.flags)
	binary.LittleEndian.PutUint32(b[16:], h.vocab)
	copy(b[24:], h.tokenizer[:])
	return b
}

func (h *header) footer() []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(h.units))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.tokens))
	return append(b, endMagic...)
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// parse checks every field of a file's bytes against the file's size.
func parse(b []byte) (*header, error) {
	size := int64(len(b))
	if size < headerSize+8+footerSize || string(b[:8]) != magic {
		return nil, damaged("no shard, or cut short (%d bytes)", size)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != version {
		return nil, damaged("version %d, this program reads %d", v, version)
	}
	h := &header{flags: binary.LittleEndian.Uint32(b[12:]), vocab: binary.LittleEndian.Uint32(b[16:])}
	copy(h.tokenizer[:], b[24:])
	zero := [8]byte{}
	switch {
	case h.flags&^(flag16|flagMask) != 0:
		return nil, damaged("unknown flags %#x", h.flags)
	case h.vocab == 0 || h.vocab > math.MaxInt32 || (h.flags&flag16 != 0 && h.vocab > 1<<16):
		return nil, damaged("vocabulary of %d with tokens of %d bytes", h.vocab, h.width())
	case !bytes.Equal(b[20:24], zero[:4]) || !bytes.Equal(b[56:64], zero[:]):
		return nil, damaged("reserved fields are not zero")
	}
	foot := b[size-footerSize:]
	h.units = int64(binary.LittleEndian.Uint64(foot))
	h.tokens = int64(binary.LittleEndian.Uint64(foot[8:]))
	switch {
	case string(foot[16:]) != endMagic:
		return nil, damaged("the end is missing: cut short or not finished")
	case h.units < 0 || h.tokens < 0 || h.units > size/8 || h.tokens > size/2:
		return nil, damaged("%d units and %d tokens in %d bytes", h.units, h.tokens, size)
	}
	if _, _, want := h.sections(); want != size {
		return nil, damaged("%d units and %d tokens take %d bytes, the file has %d", h.units, h.tokens, want, size)
	}
	return h, nil
}

// checkIndex demands offsets that rise strictly from 0 to the number of tokens.
func checkIndex(index []byte, h *header) error {
	last := int64(-1)
	for i := range h.units + 1 {
		at := int64(binary.LittleEndian.Uint64(index[8*i:]))
		if at <= last || at > h.tokens || (i == 0 && at != 0) {
			return damaged("unit %d starts at token %d after %d, of %d", i, at, last, h.tokens)
		}
		last = at
	}
	if last != h.tokens {
		return damaged("the units end at token %d of %d", last, h.tokens)
	}
	return nil
}
