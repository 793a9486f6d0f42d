package export

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/primer-lm/primer/data/shard"
	"github.com/primer-lm/primer/internal/durable"
)

// words is a tokenizer of a vocabulary's size; units come as tokens.
type words struct{ vocab int }

func (w words) EncodePlain(string) ([]int32, error) { panic("no text") }
func (w words) BOS() (int32, bool)                  { return 1, true }
func (w words) EOS() (int32, bool)                  { return 2, true }
func (w words) VocabSize() int                      { return w.vocab }
func (w words) JSON() []byte                        { return []byte("{}") }

func set(t testing.TB, vocab int, mask bool, units ...shard.Unit) *shard.Set {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shards")
	seq := func(yield func(shard.Unit, error) bool) {
		for _, u := range units {
			if !yield(u, nil) {
				return
			}
		}
	}
	if _, err := shard.Build(durable.OS, dir, words{vocab}, seq, shard.Options{Mask: mask, ShardTokens: 6}); err != nil {
		t.Fatal(err)
	}
	s, err := shard.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// The bytes of version 1, written out by hand from the format's description.
func TestMegatronBytes(t *testing.T) {
	for _, c := range []struct {
		vocab, width int
		code         byte
	}{{60000, 2, 8}, {65500, 4, 4}, {128000, 4, 4}} {
		s := set(t, c.vocab, false, shard.Unit{Tokens: []int32{1, 300, 2}}, shard.Unit{Tokens: []int32{1, 2}}, shard.Unit{Tokens: []int32{1, 59999, 7, 2}})
		dir := filepath.Join(t.TempDir(), "out")
		info, err := Megatron(durable.OS, dir, s, []byte("{}"), Options{})
		if err != nil || info.Records != 3 || info.Tokens != 9 {
			t.Fatalf("%+v, %v", info, err)
		}
		var bin, idx bytes.Buffer
		for _, id := range []uint32{1, 300, 2, 1, 2, 1, 59999, 7, 2} {
			if c.width == 2 {
				binary.Write(&bin, binary.LittleEndian, uint16(id))
			} else {
				binary.Write(&bin, binary.LittleEndian, id)
			}
		}
		idx.WriteString("MMIDIDX\x00\x00")
		w := int64(c.width)
		for _, v := range []any{uint64(1), c.code, uint64(3), uint64(4), []int32{3, 2, 4}, []int64{0, 3 * w, 5 * w}, []int64{0, 1, 2, 3}} {
			binary.Write(&idx, binary.LittleEndian, v)
		}
		for name, want := range map[string][]byte{"text_document.bin": bin.Bytes(), "text_document.idx": idx.Bytes(), "tokenizer.json": []byte("{}")} {
			if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, vocabulary %d: %x, want %x, %v", name, c.vocab, got, want, err)
			}
		}
	}
}

func TestMegatronHasNoMask(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	s := set(t, 100, true, shard.Unit{Tokens: []int32{1, 3, 2}}, shard.Unit{Tokens: []int32{1, 3, 2}, Mask: []uint8{0, 1, 1}})
	if _, err := Megatron(durable.OS, dir, s, nil, Options{}); !errors.Is(err, ErrOption) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("half a folder")
	}
	if _, err := Megatron(durable.OS, dir, set(t, 100, true, shard.Unit{Tokens: []int32{1, 3, 2}}), nil, Options{}); err != nil {
		t.Error(err)
	}
}
