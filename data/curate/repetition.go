package curate

import (
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// RepetitionOptions is the table [quality.repetition]. A threshold of 0 is off.
type RepetitionOptions struct {
	MaxLines               float64   `toml:"max_duplicate_lines" json:"max_duplicate_lines"`
	MaxParagraphs          float64   `toml:"max_duplicate_paragraphs" json:"max_duplicate_paragraphs"`
	MaxLineCharacters      float64   `toml:"max_duplicate_line_characters" json:"max_duplicate_line_characters"`
	MaxParagraphCharacters float64   `toml:"max_duplicate_paragraph_characters" json:"max_duplicate_paragraph_characters"`
	MaxTop                 []float64 `toml:"max_top_ngram" json:"max_top_ngram"`               // n = 2, 3, 4
	MaxDuplicate           []float64 `toml:"max_duplicate_ngrams" json:"max_duplicate_ngrams"` // n = 5 … 10
}

// The n-grams that are looked at.
const (
	topFrom, topTo             = 2, 4
	duplicateFrom, duplicateTo = 5, 10
)

func (o *RepetitionOptions) check() error {
	if len(o.MaxTop) != topTo-topFrom+1 || len(o.MaxDuplicate) != duplicateTo-duplicateFrom+1 {
		return fmt.Errorf("repetition.max_top_ngram has %d values and max_duplicate_ngrams %d, not 3 (n = 2, 3, 4) and 6 (n = 5 … 10)",
			len(o.MaxTop), len(o.MaxDuplicate))
	}
	all := append([]float64{o.MaxLines, o.MaxParagraphs, o.MaxLineCharacters, o.MaxParagraphCharacters}, o.MaxTop...)
	for _, v := range append(all, o.MaxDuplicate...) {
		if err := share("repetition: a share", v); err != nil {
			return err
		}
	}
	return nil
}

// Repetition is how much of a text stood in it before, as shares. Lines and paragraphs count from their second time on.
type Repetition struct {
	Lines, LineCharacters           float64
	Paragraphs, ParagraphCharacters float64
	Top                             [topTo - topFrom + 1]float64             // characters of the most frequent n-gram
	Duplicate                       [duplicateTo - duplicateFrom + 1]float64 // characters in n-grams that stood before, each once
}

func (o *RepetitionOptions) lines(r *Repetition) []threshold {
	return []threshold{
		{"duplicate lines", r.Lines, o.MaxLines, false},
		{"duplicate paragraphs", r.Paragraphs, o.MaxParagraphs, false},
		{"characters in duplicate lines", r.LineCharacters, o.MaxLineCharacters, false},
		{"characters in duplicate paragraphs", r.ParagraphCharacters, o.MaxParagraphCharacters, false},
	}
}

var ngramReasons = func() (t [duplicateTo + 1]string) {
	for n := topFrom; n <= duplicateTo; n++ {
		t[n] = fmt.Sprintf("characters in duplicate %d-grams", n)
		if n <= topTo {
			t[n] = fmt.Sprintf("characters in the most frequent %d-gram", n)
		}
	}
	return t
}()

// repetition measures n-grams of the words that were kept, one n after the other, up to the first that is too frequent. Each takes one
// pass and one table; where no n-gram stands twice, no longer one does.
func (m *meter) repetition(o *RepetitionOptions, out *Repetition) *Drop {
	count := len(m.hashes)
	total := int64(m.ends[count]) // characters of words: blanks do not count, here and below
	for n := topFrom; n <= duplicateTo && n <= count; n++ {
		t := threshold{reason: ngramReasons[n]}
		if n <= topTo {
			t.limit = o.MaxTop[n-topFrom]
		} else {
			t.limit = o.MaxDuplicate[n-duplicateFrom]
		}
		if t.limit == 0 {
			continue
		}
		characters, twice := m.ngrams(n)
		if !twice {
			return nil
		}
		t.value = min(float64(characters)/float64(total), 1)
		if n <= topTo {
			out.Top[n-topFrom] = t.value
		} else {
			out.Duplicate[n-duplicateFrom] = t.value
		}
		if t.fails() {
			return &Drop{Reason: t.reason, Value: t.value, Threshold: t.limit}
		}
	}
	return nil
}

// rolling is the base of n-gram hashes: sum of hash(word i) · base^(n-1-i), mod 2^64. Odd, so that no bit is lost.
const rolling = 0x9e3779b97f4a7c15

// ngrams goes through the n-grams of the kept words. For short ones it gives the characters of all places of the one that stands most
// often (of several the one with most), for long ones the characters of words in n-grams that stood before, each word once. twice tells
// whether any stands twice.
func (m *meter) ngrams(n int) (characters int64, twice bool) {
	m.grams.reset(len(m.hashes))
	var hash uint64
	var most uint32
	covered := 0 // words that were counted
	leaving := power(n)
	for i, h := range m.hashes {
		hash = hash*rolling + h
		if i >= n {
			hash -= m.hashes[i-n] * leaving
		}
		first := i - n + 1
		if first < 0 {
			continue
		}
		c := m.grams.add(mix(hash))
		switch {
		case c < 2:
		case n > topTo:
			characters += int64(m.ends[i+1] - m.ends[max(first, covered)])
			covered = i + 1
		case c > most:
			most, characters = c, int64(m.ends[i+1]-m.ends[first])*int64(c)
		case c == most:
			characters = max(characters, int64(m.ends[i+1]-m.ends[first])*int64(c))
		}
		twice = twice || c > 1
	}
	return characters, twice
}

// identity is a word's hash; words without letters and digits share one.
func (w *word) identity() uint64 {
	if w.hash == 0 {
		return 2
	}
	return w.hash
}

// power gives base^n.
func power(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= rolling
	}
	return p
}

// mix spreads the bits of a sum of products, whose low ones are poor.
func mix(x uint64) uint64 {
	hi, lo := bits.Mul64(x^0xd6e8feb86659fd93, 0xa0761d6478bd642f)
	return hi ^ lo
}

func hashOf(s string) uint64 { return xxh3.HashString(s) }

// table counts hashes: open addressing, at most half full, its memory used again for the next text.
type table struct {
	slots []slot
	mask  uint64
	round uint32 // slots of other rounds are empty
}

type slot struct {
	hash         uint64
	round, count uint32
}

// keptSlots bounds the memory that a table keeps between texts: 16 bytes each.
const keptSlots = 1 << 18

// reset empties the table and makes room for n hashes.
func (t *table) reset(n int) {
	size := max(64, 1<<bits.Len(uint(2*n)))
	if len(t.slots) < size || len(t.slots) > keptSlots && size <= keptSlots {
		t.slots, t.round = make([]slot, size), 0
	}
	// Small texts use the beginning of a large table only, so that it stays in the cache.
	t.mask = uint64(size - 1)
	if t.round++; t.round == 0 {
		clear(t.slots)
		t.round = 1
	}
}

// add counts a hash and gives how often it came.
func (t *table) add(hash uint64) uint32 {
	for i := hash & t.mask; ; i = (i + 1) & t.mask {
		s := &t.slots[i]
		switch {
		case s.round != t.round:
			*s = slot{hash, t.round, 1}
			return 1
		case s.hash == hash:
			s.count++
			return s.count
		}
	}
}
