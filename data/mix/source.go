package mix

import "fmt"

// Source is a set of units that can be read by number. Reading must be possible
// from several goroutines at once.
type Source interface {
	Len() int64                         // units
	Tokens() int64                      // tokens of all units
	UnitLen(i int64) (n int, err error) // tokens of unit i
	// Read copies tokens [from, from+len(tokens)) of unit i, and into mask whether
	// each of them counts in the loss (as a target).
	Read(i int64, from int, tokens []int32, mask []uint8) error
}

// Units is a source held in memory.
type Units struct {
	tokens [][]int32
	masks  [][]uint8
	total  int64
}

// NewUnits makes a source of token sequences. masks may be nil, and so may each
// mask: every token counts then. masks[i][t] says whether token t of unit i counts
// in the loss when it is the target. The slices are kept, not copied.
func NewUnits(tokens [][]int32, masks [][]uint8) (*Units, error) {
	if masks != nil && len(masks) != len(tokens) {
		return nil, fmt.Errorf("%w: %d units but %d masks", ErrSpec, len(tokens), len(masks))
	}
	u := &Units{tokens: tokens, masks: masks}
	for i, t := range tokens {
		if masks != nil && masks[i] != nil && len(masks[i]) != len(t) {
			return nil, fmt.Errorf("%w: unit %d has %d tokens but a mask of %d", ErrSpec, i, len(t), len(masks[i]))
		}
		u.total += int64(len(t))
	}
	return u, nil
}

// Len implements Source.
func (u *Units) Len() int64 { return int64(len(u.tokens)) }

// Tokens implements Source.
func (u *Units) Tokens() int64 { return u.total }

// UnitLen implements Source.
func (u *Units) UnitLen(i int64) (int, error) { return len(u.tokens[i]), nil }

// Read implements Source.
func (u *Units) Read(i int64, from int, tokens []int32, mask []uint8) error {
	copy(tokens, u.tokens[i][from:from+len(tokens)])
	if u.masks != nil && u.masks[i] != nil {
		copy(mask, u.masks[i][from:from+len(tokens)])
		return nil
	}
	for j := range tokens {
		mask[j] = 1
	}
	return nil
}
