package curate

import (
	"bytes"
	"encoding/binary"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/xxh3"
)

// squeeze appends the letters, marks and digits of a text: what is left where blanks and symbols are dropped.
func squeeze(dst []byte, text string) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if ascii[c] >= lower {
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !dropped(r) {
			dst = append(dst, text[i:i+size]...)
		}
		i += size
	}
	return dst
}

// dropped tells the characters that squeeze leaves out.
func dropped(r rune) bool {
	if r < utf8.RuneSelf {
		return ascii[r] < lower
	}
	return !unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// unsqueeze gives the place in a text right behind n bytes of its squeezed form.
func unsqueeze(text string, n int) int {
	if n <= 0 {
		return 0
	}
	for i, r := range text {
		if dropped(r) {
			continue
		}
		if n -= utf8.RuneLen(r); n <= 0 {
			return i + utf8.RuneLen(r)
		}
	}
	return len(text)
}

// piece is some characters of an evaluation item that a text must not hold.
type piece struct {
	text  []byte // squeezed
	part  int32
	items []int32 // that it was drawn from
}

// pieces finds pieces in texts. Each hangs at the hash of its first bytes, as many of the widths as it has; a text is gone through
// once for each width in use (one, where every item is long enough) with a rolling hash, and what has the hash is compared.
type pieces struct {
	list   []piece
	widths []*anchors
	known  map[pieceKey]int32 // while pieces are drawn
}

// pieceKey is what is one piece: the same text in the same part of items of one set.
type pieceKey struct {
	set        int32
	kind, text string
}

type anchors struct {
	width   int
	leaving uint64
	filter  filter
	at      map[uint64][]int32 // pieces by the hash of their beginning
}

// anchorWidths are bytes. A piece of 50 characters has at least 50.
var anchorWidths = []int{48, 16, 6, 2, 1}

// drawPieces draws n pieces of length characters from each item: from its context and its question alike, at any place where one
// fits, different ones where there are enough. An item that has no place for one is a single piece: its question, or its context
// where it has no question.
func drawPieces(it *items, n, length int, seed uint64) *pieces {
	p := &pieces{known: map[pieceKey]int32{}}
	squeezed := make([][]rune, len(it.parts))
	for i := range it.parts {
		squeezed[i] = bytes.Runes(squeeze(nil, it.parts[i].text))
	}
	for i := range it.list {
		x := &it.list[i]
		places := 0
		for _, part := range x.parts {
			places += max(0, len(squeezed[part])-length+1)
		}
		if places == 0 {
			last := x.parts[len(x.parts)-1]
			p.add(it, string(squeezed[last]), last, int32(i))
			continue
		}
		for _, place := range draw(min(n, places), places, seed, it.names[x.set], x.id) {
			for _, part := range x.parts {
				here := max(0, len(squeezed[part])-length+1)
				if place < here {
					p.add(it, string(squeezed[part][place:place+length]), part, int32(i))
					break
				}
				place -= here
			}
		}
	}
	p.index()
	p.known = nil
	return p
}

// draw gives n different numbers below limit, that seed, set and item decide.
func draw(n, limit int, seed uint64, set, id string) []int {
	var out []int
	key := binary.LittleEndian.AppendUint64(nil, seed)
	key = append(append(append(key, set...), 0), id...)
	key = append(key, 0)
	for try := uint64(0); len(out) < n; try++ {
		h := xxh3.Hash(binary.LittleEndian.AppendUint64(key, try))
		if v := int(h % uint64(limit)); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

func (p *pieces) add(it *items, text string, part, item int32) {
	if text == "" {
		return
	}
	key := pieceKey{it.list[item].set, it.parts[part].kind, text}
	n, there := p.known[key]
	if !there {
		n = int32(len(p.list))
		p.known[key] = n
		p.list = append(p.list, piece{text: []byte(text), part: part})
	}
	p.list[n].items = append(p.list[n].items, item)
}

func (p *pieces) index() {
	for _, width := range anchorWidths {
		a := &anchors{width: width, leaving: power(width), at: map[uint64][]int32{}}
		for i := range p.list {
			if text := p.list[i].text; widthOf(len(text)) == width {
				h := uint64(0)
				for _, c := range text[:width] {
					h = h*rolling + uint64(c) + 1
				}
				a.at[mix(h)] = append(a.at[mix(h)], int32(i))
			}
		}
		if len(a.at) > 0 {
			a.filter = newFilter(len(a.at))
			for h := range a.at {
				a.filter.add(h)
			}
			p.widths = append(p.widths, a)
		}
	}
}

func widthOf(bytes int) int {
	for _, w := range anchorWidths {
		if w <= bytes {
			return w
		}
	}
	return 0
}

// scan calls hit with every place, in the squeezed text, of every piece.
func (p *pieces) scan(squeezed []byte, hit func(at int, piece int32)) {
	for _, a := range p.widths {
		h := uint64(0)
		for i, c := range squeezed {
			h = h*rolling + uint64(c) + 1
			if i >= a.width {
				h -= (uint64(squeezed[i-a.width]) + 1) * a.leaving
			}
			if i < a.width-1 {
				continue
			}
			m := mix(h)
			if !a.filter.has(m) {
				continue
			}
			start := i - a.width + 1
			for _, n := range a.at[m] {
				if bytes.HasPrefix(squeezed[start:], p.list[n].text) {
					hit(start, n)
				}
			}
		}
	}
}

// filter tells quickly of most hashes that they are not there.
type filter struct {
	bits  []uint64
	shift int
}

// newFilter has 16 bits, at least, for each of n hashes.
func newFilter(n int) filter {
	log := 12
	for 1<<log < 16*n {
		log++
	}
	return filter{make([]uint64, 1<<(log-6)), 64 - log}
}

func (f *filter) add(h uint64) { f.bits[h>>f.shift>>6] |= 1 << (h >> f.shift & 63) }

func (f *filter) has(h uint64) bool { return f.bits[h>>f.shift>>6]>>(h>>f.shift&63)&1 != 0 }
