package templates

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/primer-lm/primer/data"
)

// stream is a counter-based generator: word i is a hash of (key, i), so that
// streams of different keys are independent and there is no state to keep.
type stream struct {
	key uint64
	i   uint64
}

// mix is the finaliser of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash is 64-bit FNV-1a of s going on from h, finished by mix.
func hash(h uint64, s string) uint64 {
	h ^= 0xcbf29ce484222325
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return mix(h)
}

func (s *stream) next() uint64 {
	s.i++
	return mix(s.key ^ mix(s.i))
}

// float is uniform in [0,1), 53 bits.
func (s *stream) float() float64 { return float64(s.next()>>11) * 0x1p-53 }

// below is uniform in [0,n), without bias (Lemire's multiply and reject).
func (s *stream) below(n int) int {
	for {
		hi, lo := bits.Mul64(s.next(), uint64(n))
		if lo >= -uint64(n)%uint64(n) {
			return int(hi)
		}
	}
}

// draws gives the streams of one chain.
type draws struct{ key uint64 }

// drawsOf names a chain by its id, or by its texts where it has none.
func drawsOf(seed uint64, c *data.Chain) draws {
	h := hash(mix(seed), c.ID)
	if c.ID == "" {
		for i := range c.Examples {
			h = hash(h, c.Examples[i].ID)
			h = hash(h, c.Examples[i].Text)
		}
	}
	return draws{h}
}

func (d draws) stream(purpose string) stream { return stream{key: hash(d.key, purpose)} }

// pick draws one entry of a family, by weight; one that needs no text, unless texts.
func (s *Set) pick(d draws, name string, texts bool) *entry {
	f := s.families[name]
	sums := f.sums
	if !texts {
		sums = f.textless
	}
	st := d.stream(name)
	u := st.float() * sums[len(sums)-1]
	for i, sum := range sums {
		if u < sum {
			return &f.entries[i]
		}
	}
	return &f.entries[len(f.entries)-1] // the stream is below 1: not reached
}

// choice is everything that is drawn once for a chain.
type choice struct {
	layout     string
	pairsFirst bool
	bridged    bool
	picked     map[string]*entry
}

// choose draws from every family. many: every text has two pairs or more; texts: no
// pair stands without a text.
func (s *Set) choose(d draws, many, texts bool) choice {
	c := choice{picked: make(map[string]*entry, len(s.families))}
	for name := range s.families {
		c.picked[name] = s.pick(d, name, texts)
	}
	c.layout = c.picked["layout.any"].text
	if many {
		c.layout = c.picked["layout.many"].text
	}
	c.pairsFirst = c.picked["layout.order"].text == "pairs-first" && (c.layout == Classic || c.layout == Dialogue)
	c.bridged = c.picked["bridge.presence"].text == "phrase"
	return c
}

func (c *choice) wrapper() *entry { return c.picked["wrapper."+c.picked["wrapper.presence"].text] }

// describe lists what a chain was given, for people who look at a corpus.
func (c *choice) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "layout %s, pairs first %v, bridge %v", c.layout, c.pairsFirst, c.bridged)
	for _, name := range Families() {
		e := c.picked[name]
		fmt.Fprintf(&b, "\n%s:%d %s %q", e.file, e.line, name, e.text)
	}
	return b.String()
}
