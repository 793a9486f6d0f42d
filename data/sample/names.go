package sample

import (
	"math/rand/v2"
	"slices"
)

// Names are three syllables, one of each row: 24³ = 13,824 names. The first
// is written with a capital; a leading space and a syllable make one piece of
// the sample's tokenizer, so a name is three pieces. The rows are short because
// copying is learnt piece by piece: with 48 syllables a row it took a small
// model several times the tokens.
var (
	firstSyllables = syllables("BDFGKLMNPRTV", "ae")
	innerSyllables = syllables("bdgklmnrstvz", "io")
	lastSyllables  = []string{
		"bar", "bel", "dal", "den", "far", "fen", "gar", "gel", "kas", "ken", "lam", "lus",
		"mas", "mer", "nar", "nes", "ras", "rel", "sal", "sun", "tan", "tur", "val", "vus",
	}
)

const (
	perRow        = 24
	nameCount     = perRow * perRow * perRow // how many different names there are
	reservedCount = nameCount / 8            // of them only for worlds with Options.Reserved
)

func syllables(consonants, vowels string) []string {
	var s []string
	for _, c := range consonants {
		for _, v := range vowels {
			s = append(s, string(c)+string(v))
		}
	}
	return s
}

// nameBook is a seeded order of the names of a world. Each split owns a range of it, which is why no name can stand in two
// of them.
type nameBook []int32

// newNameBook shuffles the reserved names, or all others. Which names are reserved does not depend on the seed.
func newNameBook(seed uint64, reserved bool) nameBook {
	all := make(nameBook, nameCount)
	for i := range all {
		all[i] = int32(i)
	}
	all.shuffle(0x7265736572766564) // "reserved"
	book := all[reservedCount:]
	if reserved {
		book = all[:reservedCount]
	}
	slices.Sort(book)
	book.shuffle(seed)
	return book
}

func (b nameBook) shuffle(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x6e616d6573)) // "names"
	r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
}

// parts gives the three syllables of the i-th name.
func (b nameBook) parts(i int) [3]string {
	n := int(b[i])
	return [3]string{firstSyllables[n%perRow], innerSyllables[n/perRow%perRow], lastSyllables[n/perRow/perRow]}
}

// namer hands out the names of one range: in order and then anew, or with draw
// set at random, never one of the last sixteen.
type namer struct {
	book             nameBook
	first, next, end int
	draw             *rand.Rand
	recent           [16]int
	handed           int
}

func (n *namer) name() string {
	at := n.next
	if n.draw == nil {
		if n.next++; n.next == n.end {
			n.next = n.first
		}
	} else {
		at = n.first + n.draw.IntN(n.end-n.first)
		for slices.Contains(n.recent[:], at) {
			at = n.first + n.draw.IntN(n.end-n.first)
		}
		n.recent[n.handed%len(n.recent)] = at
		n.handed++
	}
	p := n.book.parts(at)
	return p[0] + p[1] + p[2]
}

// Syllables are the three rows that names are made of.
func Syllables() [3][]string { return [3][]string{firstSyllables, innerSyllables, lastSyllables} }
