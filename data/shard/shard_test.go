package shard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
)

// bytesTok encodes every byte as its own id + 3; BOS is 1, EOS is 2.
type bytesTok struct {
	vocab int
	noEOS bool
}

func (bytesTok) EncodePlain(text string) ([]int32, error) {
	if strings.Contains(text, "bad") {
		return nil, errors.New("cannot encode")
	}
	ids := []int32{}
	for _, c := range []byte(text) {
		ids = append(ids, int32(c)+3)
	}
	return ids, nil
}
func (bytesTok) BOS() (int32, bool)   { return 1, true }
func (t bytesTok) EOS() (int32, bool) { return 2, !t.noEOS }
func (t bytesTok) VocabSize() int     { return t.vocab }
func (bytesTok) JSON() []byte         { return []byte(`{"bytes":1}`) }

func seq(units ...Unit) iter.Seq2[Unit, error] {
	return func(yield func(Unit, error) bool) {
		for _, u := range units {
			if !yield(u, nil) {
				return
			}
		}
	}
}

func build(t testing.TB, vocab int, opt Options, units ...Unit) (string, Info) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "corpus")
	info, err := Build(durable.OS, dir, bytesTok{vocab: vocab}, seq(units...), opt)
	if err != nil {
		t.Fatal(err)
	}
	return dir, info
}

func readUnit(t testing.TB, s *Set, i int64) ([]int32, []uint8) {
	t.Helper()
	n, err := s.UnitLen(i)
	if err != nil {
		t.Fatal(err)
	}
	ids, mask := make([]int32, n), make([]uint8, n)
	if err := s.Read(i, 0, ids, mask); err != nil {
		t.Fatal(err)
	}
	return ids, mask
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, vocab := range []int{300, 1 << 16, 1<<16 + 1, 128256} {
		units := []Unit{{Text: "ab"}, {Tokens: []int32{1, 9, 8, int32(min(vocab, 1<<16) - 1), 2}, Mask: []uint8{0, 0, 1, 1, 0}},
			{Text: ""}, {Text: "hello there"}, {Text: "x"}}
		dir, info := build(t, vocab, Options{ShardTokens: 10, Mask: true, Note: "n"}, units...)
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := [][]int32{{1, 'a' + 3, 'b' + 3, 2}, units[1].Tokens, {1, 2}, nil, {1, 'x' + 3, 2}}
		wantBytes := 2
		if vocab > 1<<16 {
			wantBytes = 4
		}
		if info.Units != 5 || info.Tokens != 27 || info.LossTokens != 24 || len(info.Shards) != 4 || info.Bytes != wantBytes ||
			s.Len() != 5 || s.Tokens() != 27 || s.Info().Note != "n" {
			t.Errorf("info %+v", info)
		}
		for i, w := range want {
			ids, mask := readUnit(t, s, int64(i))
			if w != nil && !slices.Equal(ids, w) {
				t.Errorf("unit %d: %v want %v", i, ids, w)
			}
			if ids[0] != 1 || ids[len(ids)-1] != 2 {
				t.Errorf("unit %d: %v has not one BOS and one EOS", i, ids)
			}
			if i == 1 && !slices.Equal(mask, units[1].Mask) {
				t.Errorf("mask %v", mask)
			}
		}
		part, mask := make([]int32, 2), make([]uint8, 2)
		if err := s.Read(1, 2, part, mask); err != nil || part[0] != 8 || mask[0] != 1 {
			t.Errorf("part %v %v %v", part, mask, err)
		}
		if err := s.Verify(); err != nil {
			t.Error(err)
		}
		if err := s.Check(bytesTok{vocab: vocab}); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

type otherTok struct{ bytesTok }

func (otherTok) JSON() []byte { return []byte(`{}`) }

func TestRefusedBuilds(t *testing.T) {
	fails := func(yield func(Unit, error) bool) { yield(Unit{}, errors.New("source broke")) }
	for name, c := range map[string]struct {
		enc   Encoder
		units iter.Seq2[Unit, error]
		opt   Options
		say   string
	}{
		"empty":       {bytesTok{vocab: 300}, seq(), Options{}, "no unit"},
		"no EOS":      {bytesTok{vocab: 300, noEOS: true}, seq(Unit{Text: "a"}), Options{}, "no EOS"},
		"mask off":    {bytesTok{vocab: 300}, seq(Unit{Tokens: []int32{1}, Mask: []uint8{1}}), Options{}, "is Mask on"},
		"mask length": {bytesTok{vocab: 300}, seq(Unit{Tokens: []int32{1}, Mask: []uint8{1, 0}}), Options{Mask: true}, "mask of 2"},
		"no tokens":   {bytesTok{vocab: 300}, seq(Unit{Tokens: []int32{}}), Options{}, "no token"},
		"id":          {bytesTok{vocab: 300}, seq(Unit{Tokens: []int32{300}}), Options{}, "is 300"},
		"negative":    {bytesTok{vocab: 300}, seq(Unit{Tokens: []int32{-1}}), Options{}, "is -1"},
		"tokenizer":   {bytesTok{vocab: 300}, seq(Unit{Text: "a"}, Unit{Text: "bad"}), Options{}, "unit 1: tokenizer"},
		"source":      {bytesTok{vocab: 300}, fails, Options{}, "source broke"},
	} {
		dir := filepath.Join(t.TempDir(), "c")
		_, err := Build(durable.OS, dir, c.enc, c.units, c.opt)
		if err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a folder was left", name)
		}
	}
	dir, _ := build(t, 300, Options{}, Unit{Text: "a"})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(otherTok{}); !errors.Is(err, ErrTokenizer) {
		t.Errorf("another tokenizer: %v", err)
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNotShards) {
		t.Errorf("no shards: %v", err)
	}
}

// sample is one small valid file's bytes.
func sample(t testing.TB) []byte {
	dir, _ := build(t, 300, Options{Mask: true}, Unit{Text: "ab"}, Unit{Text: "cde"})
	b, err := os.ReadFile(filepath.Join(dir, "00000.shard"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every field set to hostile values must be an error.
func TestHostileFields(t *testing.T) {
	good := sample(t)
	if _, err := view(good); err != nil {
		t.Fatal(err)
	}
	n := len(good)
	index := n - footerSize - 3*8
	set64 := func(at int, v uint64) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint64(b[at:], v) }
	}
	set32 := func(at int, v uint32) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
	}
	var spoils []func([]byte)
	for _, v := range []uint64{0, 1, 3, math.MaxInt64, math.MaxUint64, 1 << 63, 1 << 61, 1 << 60, 1<<62 + 2, 1 << 32} {
		spoils = append(spoils, set64(n-24, v), set64(n-16, v), set64(index+16, v))
		if v != 0 {
			spoils = append(spoils, set64(index, v))
		}
		if v != 3 && v != 1 {
			spoils = append(spoils, set64(index+8, v))
		}
	}
	for _, v := range []uint32{0, 2, 3, math.MaxUint32} {
		spoils = append(spoils, set32(8, v))
		if v != 3 {
			spoils = append(spoils, set32(12, v))
		}
	}
	spoils = append(spoils, set32(12, 4|3), set32(16, 0), set32(16, math.MaxUint32), set32(16, 1<<16+1), set32(20, 1), set32(56, 1), set32(60, 1),
		set32(0, 0), set32(n-8, 0))
	for i, spoil := range spoils {
		b := bytes.Clone(good)
		spoil(b)
		if bytes.Equal(b, good) {
			continue
		}
		if _, err := view(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("case %d: %v", i, err)
		}
	}
	hole := slices.Concat(good[:n-footerSize], make([]byte, 8), good[n-footerSize:])
	if _, err := view(hole); !errors.Is(err, ErrDamaged) {
		t.Errorf("a hole before the footer: %v", err)
	}
	for cut := range n {
		if _, err := view(good[:cut]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", cut, err)
		}
	}
	if _, err := view(append(bytes.Clone(good), 0, 0, 0, 0, 0, 0, 0, 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("trailing bytes: %v", err)
	}
}

// Each flipped bit of each file of a folder is seen, at the latest by Verify.
func TestFlippedBits(t *testing.T) {
	dir, _ := build(t, 300, Options{}, Unit{Text: "ab"})
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for bit := 0; bit < len(good)*8; bit += 5 {
			b := bytes.Clone(good)
			b[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := Open(dir)
			if err == nil {
				if err = s.Verify(); err == nil {
					t.Errorf("%s: bit %d flipped in silence", e.Name(), bit)
				}
				s.Close()
			}
		}
		if err := os.WriteFile(path, good, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWrongTokenInFile(t *testing.T) {
	b := sample(t)
	binary.LittleEndian.PutUint16(b[headerSize:], 300)
	f, err := view(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Read(0, 0, make([]int32, 4), make([]uint8, 4)); !errors.Is(err, ErrDamaged) {
		t.Errorf("an id beyond the vocabulary: %v", err)
	}
}

// A file that shrinks while it is mapped gives an error; without the trap the
// process would die of SIGBUS.
func TestFileCutWhileOpen(t *testing.T) {
	dir, _ := build(t, 300, Options{}, Unit{Text: strings.Repeat("words ", 4000)})
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n, err := s.UnitLen(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "00000.shard"), 100); err != nil {
		t.Fatal(err)
	}
	if err := s.Read(0, 0, make([]int32, n), make([]uint8, n)); !errors.Is(err, ErrDamaged) {
		t.Errorf("read: %v", err)
	}
	if _, err := s.UnitLen(0); !errors.Is(err, ErrDamaged) {
		t.Errorf("length: %v", err)
	}
}

func FuzzView(f *testing.F) {
	f.Add(sample(f))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := view(b)
		if err != nil {
			return
		}
		for i := range file.Len() {
			n, err := file.UnitLen(i)
			if err != nil || n <= 0 {
				t.Fatalf("unit %d has %d tokens, %v", i, n, err)
			}
			_ = file.Read(i, 0, make([]int32, n), make([]uint8, n))
		}
	})
}
