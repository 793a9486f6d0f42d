package shard

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/primer-lm/primer/internal/durable"
)

// Encoder is what building needs of a tokenizer; *tokenizer.Tokenizer has it.
type Encoder interface {
	EncodeBatch(texts []string, plain bool) ([][]int32, error)
	BOS() (int32, bool)
	EOS() (int32, bool)
	VocabSize() int
	JSON() []byte
}

// Unit is one thing to store: a text, which gets BOS and EOS, or tokens as they are
// with an optional mask (needs Options.Mask).
type Unit struct {
	Text   string
	Tokens []int32
	Mask   []uint8 // per token: does it count in the loss as a target? nil: all do
}

// Options of Build. The zero value is good.
type Options struct {
	ShardTokens int64  // tokens a shard at most (one unit may exceed it); 0: 2^28
	Mask        bool   // keep a loss mask
	Note        string // where it came from, for people
	// Progress is called now and then with what has been written.
	Progress func(units, tokens int64)
}

// Info describes a corpus; it is its corpus.json.
type Info struct {
	Version    int     `json:"version"`
	Units      int64   `json:"units"`
	Tokens     int64   `json:"tokens"`
	LossTokens int64   `json:"loss_tokens"`
	Vocab      int     `json:"vocab_size"`
	Bytes      int     `json:"bytes_per_token"`
	Mask       bool    `json:"mask"`
	Tokenizer  string  `json:"tokenizer_sha256"`
	Note       string  `json:"note,omitempty"`
	Shards     []Count `json:"shards"`
}

// Count is one shard's share.
type Count struct {
	File   string `json:"file"`
	Units  int64  `json:"units"`
	Tokens int64  `json:"tokens"`
}

const (
	infoName      = "corpus.json"
	tokenizerName = "tokenizer.json"
	defaultTokens = 1 << 28
	// A batch of texts goes through the tokenizer at once, over all cores.
	batchTexts = 512
	batchBytes = 4 << 20
)

// Build writes a corpus folder: whole, or not at all.
func Build(fs durable.FS, dir string, enc Encoder, units iter.Seq2[Unit, error], opt Options) (Info, error) {
	if opt.ShardTokens <= 0 {
		opt.ShardTokens = defaultTokens
	}
	var info Info
	err := durable.CommitDir(fs, dir, func(tmp *durable.Dir) error {
		b, err := newBuilder(tmp, enc, opt)
		if err != nil {
			return err
		}
		if err := b.all(units); err != nil {
			return err
		}
		info = b.info
		return b.finish(enc)
	})
	return info, err
}

// builder writes shards one after another.
type builder struct {
	tmp      *durable.Dir
	enc      Encoder
	opt      Options
	info     Info
	bos, eos int32
	head     header
	texts    []string // waiting for the tokenizer
	held     int      // their bytes

	file  io.WriteCloser // nil between shards
	out   *bufio.Writer
	index []byte // offsets so far
	mask  []byte // bits so far
	count Count
}

func newBuilder(tmp *durable.Dir, enc Encoder, opt Options) (*builder, error) {
	b := &builder{tmp: tmp, enc: enc, opt: opt}
	var ok1, ok2 bool
	b.bos, ok1 = enc.BOS()
	b.eos, ok2 = enc.EOS()
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("%w: the tokenizer has no BOS or no EOS token, which every unit needs", ErrUnit)
	}
	b.head.vocab = uint32(enc.VocabSize())
	if enc.VocabSize() <= 1<<16 {
		b.head.flags |= flag16
	}
	if opt.Mask {
		b.head.flags |= flagMask
	}
	b.head.tokenizer = sha256.Sum256(enc.JSON())
	b.info = Info{
		Version: version, Vocab: enc.VocabSize(), Bytes: int(b.head.width()), Mask: opt.Mask,
		Tokenizer: hex.EncodeToString(b.head.tokenizer[:]), Note: opt.Note,
	}
	return b, nil
}

// all takes every unit; texts wait until a batch is full.
func (b *builder) all(units iter.Seq2[Unit, error]) error {
	for u, err := range units {
		if err != nil {
			return err
		}
		if u.Tokens == nil {
			b.texts = append(b.texts, u.Text)
			if b.held += len(u.Text); len(b.texts) >= batchTexts || b.held >= batchBytes {
				err = b.flush()
			}
		} else if err = b.flush(); err == nil { // order stays
			err = b.add(u.Tokens, u.Mask)
		}
		if err != nil {
			return err
		}
	}
	if err := b.flush(); err != nil {
		return err
	}
	if b.info.Units == 0 {
		return fmt.Errorf("%w: there is no unit to write", ErrUnit)
	}
	return b.close()
}

// flush encodes the waiting texts. Text of special tokens stays ordinary text, so
// that no document can end itself.
func (b *builder) flush() error {
	if len(b.texts) == 0 {
		return nil
	}
	encoded, err := b.enc.EncodeBatch(b.texts, true)
	if err != nil {
		return fmt.Errorf("tokenizer, in units %d to %d: %w", b.info.Units, b.info.Units+int64(len(b.texts))-1, err)
	}
	for _, ids := range encoded {
		unit := make([]int32, 0, len(ids)+2)
		unit = append(append(append(unit, b.bos), ids...), b.eos)
		if err := b.add(unit, nil); err != nil {
			return err
		}
	}
	b.texts, b.held = b.texts[:0], 0
	if b.opt.Progress != nil {
		b.opt.Progress(b.info.Units, b.info.Tokens)
	}
	return nil
}

// add writes one unit, into the next shard where this one is full.
func (b *builder) add(ids []int32, mask []uint8) error {
	switch {
	case len(ids) == 0:
		return fmt.Errorf("%w: unit %d has no token", ErrUnit, b.info.Units)
	case mask != nil && (!b.opt.Mask || len(mask) != len(ids)):
		return fmt.Errorf("%w: unit %d has %d tokens and a mask of %d (is Mask on?)", ErrUnit, b.info.Units, len(ids), len(mask))
	}
	if b.file != nil && b.count.Tokens+int64(len(ids)) > b.opt.ShardTokens {
		if err := b.close(); err != nil {
			return err
		}
	}
	if err := b.open(); err != nil {
		return err
	}
	var word [4]byte
	for i, id := range ids {
		if uint32(id) >= b.head.vocab {
			return fmt.Errorf("%w: unit %d token %d is %d, the vocabulary has %d", ErrUnit, b.info.Units, i, id, b.head.vocab)
		}
		binary.LittleEndian.PutUint32(word[:], uint32(id))
		b.out.Write(word[:b.head.width()]) // a failure sticks and is seen by close
		b.addMask(b.count.Tokens+int64(i), mask == nil || mask[i] != 0)
	}
	b.count.Tokens += int64(len(ids))
	b.count.Units++
	b.index = binary.LittleEndian.AppendUint64(b.index, uint64(b.count.Tokens))
	b.info.Units++
	b.info.Tokens += int64(len(ids))
	return nil
}

func (b *builder) addMask(at int64, counts bool) {
	if at%8 == 0 && b.opt.Mask {
		b.mask = append(b.mask, 0)
	}
	if !counts {
		return
	}
	b.info.LossTokens++
	if b.opt.Mask {
		b.mask[at/8] |= 1 << (at % 8)
	}
}

// open starts a shard unless one is open.
func (b *builder) open() (err error) {
	if b.file != nil {
		return nil
	}
	b.count = Count{File: fmt.Sprintf("%05d.shard", len(b.info.Shards))}
	if b.file, err = b.tmp.Create(b.count.File); err != nil {
		return err
	}
	b.out = bufio.NewWriterSize(b.file, 1<<18)
	b.out.Write(b.head.front())
	b.index, b.mask = make([]byte, 8), b.mask[:0]
	return nil
}

// close writes mask, index and footer of the open shard.
func (b *builder) close() error {
	if b.file == nil {
		return nil
	}
	h := b.head
	h.units, h.tokens = b.count.Units, b.count.Tokens
	var zeros [8]byte
	raw := h.tokens * h.width()
	b.out.Write(zeros[:pad8(raw)-raw])
	b.out.Write(b.mask)
	b.out.Write(zeros[:pad8(int64(len(b.mask)))-int64(len(b.mask))])
	b.out.Write(b.index)
	b.out.Write(h.footer())
	err := b.out.Flush()
	if e := b.file.Close(); err == nil {
		err = e
	}
	b.file = nil
	b.info.Shards = append(b.info.Shards, b.count)
	return err
}

// finish writes corpus.json and the tokenizer's copy.
func (b *builder) finish(enc Encoder) error {
	err := b.tmp.WriteFile(infoName, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(b.info)
	})
	if err != nil {
		return err
	}
	return b.tmp.WriteFile(tokenizerName, func(w io.Writer) error {
		_, err := w.Write(enc.JSON())
		return err
	})
}
