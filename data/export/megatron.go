package export

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/internal/durable"
)

// megatronName is what Megatron's own preprocessing calls the files of a field "text".
const megatronName = "text_document"

// The index of version 1, little-endian, as Megatron's indexed dataset reads it:
//
//	"MMIDIDX\0\0", uint64 1, uint8 code of the tokens' type
//	uint64 sequences, uint64 documents + 1
//	int32 [sequences]      length of each, in tokens
//	int64 [sequences]      where each starts in the .bin, in bytes
//	int64 [documents + 1]  number of the first sequence of each document, and the number of sequences
const (
	megatronMagic  = "MMIDIDX\x00\x00"
	codeInt32      = 4
	codeUint16     = 8
	uint16Below    = 65500 // vocabularies below are stored in two bytes: Megatron's own rule
	megatronPieces = 1 << 16
)

// Megatron writes a set of shards as one .bin and .idx. Every unit is one document of one sequence, BOS and EOS included.
// Megatron has no loss mask: a set in which a token does not count is ErrOption. Memory does not grow with the set.
func Megatron(fsys durable.FS, dir string, set *shard.Set, tokenizer []byte, opt Options) (Info, error) {
	info := Info{Version: infoVersion, Format: "megatron", Kind: "tokens", Records: set.Len(), Tokens: set.Tokens(),
		Files: []Count{{megatronName + ".bin", set.Len()}, {megatronName + ".idx", set.Len()}}}
	m := &megatron{set: set, opt: opt, width: 4, code: codeInt32}
	if set.Info().Vocab < uint16Below {
		m.width, m.code = 2, codeUint16
	}
	err := commit(fsys, dir, &info, func(tmp *durable.Dir) error {
		if err := tmp.WriteFile(megatronName+".bin", m.tokens); err != nil {
			return err
		}
		if err := tmp.WriteFile(megatronName+".idx", m.index); err != nil {
			return err
		}
		return tmp.WriteFile("tokenizer.json", func(w io.Writer) error {
			_, err := w.Write(tokenizer)
			return err
		})
	})
	return info, err
}

type megatron struct {
	set   *shard.Set
	opt   Options
	width int64
	code  byte
}

func (m *megatron) tokens(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<18)
	ids, mask := make([]int32, megatronPieces), make([]uint8, megatronPieces)
	var word [4]byte
	done := int64(0)
	for i := range m.set.Len() {
		n, err := m.set.UnitLen(i)
		if err != nil {
			return err
		}
		for from := 0; from < n; from += megatronPieces {
			k := min(megatronPieces, n-from)
			if err := m.set.Read(i, from, ids[:k], mask[:k]); err != nil {
				return err
			}
			for j, id := range ids[:k] {
				if mask[j] == 0 {
					return fmt.Errorf("%w: text %d has tokens that do not count in the loss, and Megatron's format cannot say so", ErrOption, i)
				}
				binary.LittleEndian.PutUint32(word[:], uint32(id))
				if _, err := out.Write(word[:m.width]); err != nil {
					return err
				}
			}
		}
		if done += int64(n); m.opt.Progress != nil && i%1000 == 0 {
			m.opt.Progress(i, done*m.width)
		}
	}
	return out.Flush()
}

// index goes through the lengths three times instead of keeping them.
func (m *megatron) index(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<18)
	put := func(bits int, v int64) error {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], uint64(v))
		_, err := out.Write(word[:bits/8])
		return err
	}
	out.WriteString(megatronMagic) // a failure sticks and is seen by Flush
	put(64, 1)
	out.WriteByte(m.code)
	put(64, m.set.Len())
	put(64, m.set.Len()+1)
	err := m.lengths(func(n int64) error {
		if n > math.MaxInt32 {
			return fmt.Errorf("%w: a text of %d tokens; Megatron's index holds at most %d", ErrOption, n, math.MaxInt32)
		}
		return put(32, n)
	})
	if err != nil {
		return err
	}
	at := int64(0)
	if err := m.lengths(func(n int64) error {
		err := put(64, at)
		at += n * m.width
		return err
	}); err != nil {
		return err
	}
	for i := range m.set.Len() + 1 {
		if err := put(64, i); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (m *megatron) lengths(visit func(int64) error) error {
	for i := range m.set.Len() {
		n, err := m.set.UnitLen(i)
		if err == nil {
			err = visit(int64(n))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
