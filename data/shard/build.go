package shard

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path/filepath"
	"runtime"

	"github.com/primer-lm/primer/internal/durable"
)

// Encoder is what building needs of a tokenizer; *tokenizer.Tokenizer has it. EncodePlain is called from several goroutines and
// leaves text of special tokens ordinary text, so that no document can end itself.
type Encoder interface {
	EncodePlain(text string) ([]int32, error)
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
	Workers     int    // goroutines that tokenize; 0: GOMAXPROCS. The files do not depend on it
	// Progress is called now and then with what has been written, what an earlier start wrote included.
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
)

// Build writes a corpus folder: whole, or not at all. It appears when it is done; until then its shards stand in DIR.part, each
// written whole as it fills. A build that was killed, or that failed, goes on from them when it is called again with the same
// units: those are compared by hash and not tokenized again, and the folder becomes the same to the byte. ErrOther: the units
// or the options are others than before. durable.ErrLocked: another process builds the same folder. fs.ErrExist: it is there.
//
// Memory is bounded whatever the length of units: some batches of texts, and 8 bytes a unit of one shard.
func Build(fsys durable.FS, dir string, enc Encoder, units iter.Seq2[Unit, error], opt Options) (info Info, err error) {
	if opt.ShardTokens <= 0 {
		opt.ShardTokens = defaultTokens
	}
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	b, err := newBuilder(enc, opt)
	if err != nil {
		return Info{}, err
	}
	if b.part, err = openPart(fsys, dir, b.settings()); err != nil {
		return Info{}, fmt.Errorf("shards %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, b.part.close()) }()
	if err := b.all(units); err != nil {
		return Info{}, b.part.abandon(errors.Join(err, b.drop()))
	}
	return b.info, b.finish()
}

// builder writes shards one after another.
type builder struct {
	enc      Encoder
	opt      Options
	info     Info
	bos, eos int32
	head     header
	part     *part
	open     *writer // nil between shards
	index    []byte  // memory of the last shard's index and mask, for the next
	mask     []byte
}

func newBuilder(enc Encoder, opt Options) (*builder, error) {
	b := &builder{enc: enc, opt: opt}
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

// settings is all that decides the bytes of a shard but the units.
func (b *builder) settings() settings {
	return settings{version, b.info.Tokenizer, b.info.Vocab, b.opt.ShardTokens, b.opt.Mask}
}

// all tokenizes and writes every unit that no shard has yet.
func (b *builder) all(units iter.Seq2[Unit, error]) error {
	for _, r := range b.part.done {
		b.count(r)
	}
	err := b.encodeAll(b.part.remaining(units), func(batch *batch) error {
		if err := b.add(batch); err != nil {
			return err
		}
		if b.opt.Progress != nil {
			b.opt.Progress(b.progress())
		}
		return nil
	})
	if err != nil {
		return err
	}
	if b.open != nil {
		if err := b.close(); err != nil {
			return err
		}
	}
	if b.info.Units == 0 {
		return fmt.Errorf("%w: there is no unit to write", ErrUnit)
	}
	return nil
}

func (b *builder) progress() (units, tokens int64) {
	units, tokens = b.info.Units, b.info.Tokens
	if b.open != nil {
		units, tokens = units+b.open.count.Units, tokens+b.open.count.Tokens
	}
	return units, tokens
}

// add writes a batch, each unit into the next shard where this one is full.
func (b *builder) add(batch *batch) error {
	raw := batch.raw
	for i := range batch.units {
		u := &batch.encoded[i]
		if b.open != nil && b.open.count.Tokens+u.tokens > b.opt.ShardTokens {
			if err := b.close(); err != nil {
				return err
			}
		}
		if b.open == nil {
			if err := b.begin(); err != nil {
				return err
			}
		}
		n := u.tokens * b.head.width()
		b.open.add(u, raw[:n], batch.units[i].Mask)
		raw = raw[n:]
	}
	return nil
}

// count takes over a shard that is whole.
func (b *builder) count(r record) {
	b.info.Units += r.Count.Units
	b.info.Tokens += r.Count.Tokens
	b.info.LossTokens += r.Loss
	b.info.Shards = append(b.info.Shards, r.Count)
}

// finish writes corpus.json, the tokenizer's copy and the manifest, and gives the folder its name.
func (b *builder) finish() error {
	files := map[string]durable.Sum{}
	for _, r := range b.part.done {
		files[r.Count.File] = r.Sum
	}
	write := func(name string, content func(w io.Writer) error) (err error) {
		files[name], err = durable.WriteFileSum(b.part.fsys, filepath.Join(b.part.path, name), content)
		return err
	}
	err := write(infoName, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(b.info)
	})
	if err != nil {
		return err
	}
	err = write(tokenizerName, func(w io.Writer) error {
		_, err := w.Write(b.enc.JSON())
		return err
	})
	if err != nil {
		return err
	}
	return b.part.commit(durable.Manifest{Files: files})
}

// there tells whether a path exists.
func there(fsys durable.FS, path string) (bool, error) {
	_, err := fsys.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
