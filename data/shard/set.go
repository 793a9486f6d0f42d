package shard

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/primer-lm/primer/internal/durable"
)

// maxInfo bounds corpus.json, in bytes.
const maxInfo = 64 << 20

// Set is an open corpus folder: all its shards as one source of units.
type Set struct {
	dir   string
	info  Info
	files []*File
	first []int64 // number of the first unit of each shard, and the total at the end
}

// Open opens a corpus folder and checks every shard's fields against corpus.json
// and its size. It does not read the tokens: Verify does.
func Open(dir string) (*Set, error) {
	s := &Set{dir: dir, first: []int64{0}}
	if err := s.readInfo(); err != nil {
		return nil, err
	}
	tokens := int64(0)
	for i, c := range s.info.Shards {
		f, err := s.openShard(i, c)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.files = append(s.files, f)
		s.first = append(s.first, s.first[i]+c.Units)
		tokens += c.Tokens
	}
	if units := s.first[len(s.first)-1]; units != s.info.Units || tokens != s.info.Tokens || units == 0 {
		s.Close()
		return nil, fmt.Errorf("%s: %w", dir, damaged("corpus.json says %d units and %d tokens, its shards hold %d and %d",
			s.info.Units, s.info.Tokens, units, tokens))
	}
	return s, nil
}

func (s *Set) readInfo() error {
	path := filepath.Join(s.dir, infoName)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s has no %s: tokenize the corpus first", ErrNotShards, s.dir, infoName)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxInfo+1))
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s.info); err != nil || len(b) > maxInfo {
		return fmt.Errorf("%s: %w", path, damaged("no description of shards: %v", err))
	}
	if s.info.Version != version {
		return fmt.Errorf("%s: %w", path, damaged("version %d, this program reads %d", s.info.Version, version))
	}
	return nil
}

// openShard opens the i-th shard and compares it with what corpus.json says.
func (s *Set) openShard(i int, c Count) (*File, error) {
	if c.File != fmt.Sprintf("%05d.shard", i) {
		return nil, fmt.Errorf("%s: %w", s.dir, damaged("shard %d is named %q", i, c.File))
	}
	f, err := OpenFile(filepath.Join(s.dir, c.File))
	if err != nil {
		return nil, err
	}
	same := f.Len() == c.Units && f.Tokens() == c.Tokens && int(f.vocab) == s.info.Vocab &&
		hex.EncodeToString(f.tokenizer[:]) == s.info.Tokenizer && (f.mask != nil) == s.info.Mask
	if !same {
		f.Close()
		return nil, fmt.Errorf("%s: %w", f.path, damaged("units, tokens, vocabulary, mask or tokenizer differ from %s", infoName))
	}
	return f, nil
}

// Verify reads every byte against the folder's manifest.
func (s *Set) Verify() error { return durable.VerifyDir(durable.OS, s.dir) }

// Check refuses shards that another tokenizer made.
func (s *Set) Check(enc Encoder) error {
	sum := sha256.Sum256(enc.JSON())
	if got := hex.EncodeToString(sum[:]); got != s.info.Tokenizer {
		return fmt.Errorf("%w: %s was made with tokenizer %.12s…, this one is %.12s…: tokenize again", ErrTokenizer, s.dir, s.info.Tokenizer, got)
	}
	return nil
}

// Close unmaps all shards.
func (s *Set) Close() error {
	var first error
	for _, f := range s.files {
		if err := f.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.files = nil
	return first
}

// Info is the corpus as described.
func (s *Set) Info() Info { return s.info }

// Len is the number of units.
func (s *Set) Len() int64 { return s.info.Units }

// Tokens is the number of tokens of all units.
func (s *Set) Tokens() int64 { return s.info.Tokens }

// find gives the shard of unit i and the unit's number in it.
func (s *Set) find(i int64) (*File, int64) {
	if i < 0 || i >= s.info.Units {
		panic("shard: no such unit")
	}
	k := sort.Search(len(s.files), func(k int) bool { return s.first[k+1] > i })
	return s.files[k], i - s.first[k]
}

// UnitLen is the number of tokens of unit i.
func (s *Set) UnitLen(i int64) (int, error) {
	f, j := s.find(i)
	return f.UnitLen(j)
}

// Read copies tokens from unit i, beginning at its token from, and whether each
// counts in the loss; mask is as long as tokens.
func (s *Set) Read(i int64, from int, tokens []int32, mask []uint8) error {
	f, j := s.find(i)
	return f.Read(j, from, tokens, mask)
}
