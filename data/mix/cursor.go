package mix

import (
	"fmt"
	"slices"
)

// lane is how far a source has been drawn.
type lane struct {
	units  int64 // drawn, the current one included
	tokens int64 // of the drawn units
}

// cursor is a place in the stream of units: a value, cheap to copy.
type cursor struct {
	lanes  []lane
	lane   int   // of the current unit; -1 before the first
	unit   int64 // number of the current unit within its source
	size   int   // its tokens
	offset int   // consumed tokens of it
	token  int64 // position in the stream of tokens
	docs   int64 // documents begun so far
}

func (m *Mixture) start() cursor { return cursor{lanes: make([]lane, len(m.parts)), lane: -1} }

func (c cursor) clone() cursor { c.lanes = slices.Clone(c.lanes); return c }

// draw moves to the next unit: the lane furthest behind its share gives it. False
// when every lane is at its limit.
func (m *Mixture) draw(c *cursor) (bool, error) {
	best, least := -1, 0.0
	for i, l := range c.lanes {
		if l.units >= m.limit[i] {
			continue
		}
		behind := float64(l.tokens)
		if m.opt.Measure == ByTexts {
			behind = float64(l.units)
		}
		if behind /= m.weight[i]; best < 0 || behind < least {
			best, least = i, behind
		}
	}
	if best < 0 {
		return false, nil
	}
	unit := m.unitAt(best, c.lanes[best].units)
	size, err := m.parts[best].Source.UnitLen(unit)
	if err != nil {
		return false, fmt.Errorf("source %q unit %d: %w", m.parts[best].Name, unit, err)
	}
	c.lane, c.unit, c.size, c.offset = best, unit, size, 0
	c.lanes[best].units++
	c.lanes[best].tokens += int64(size)
	return true, nil
}

// unitAt is the number of the j-th unit that a lane gives: pass j/n, place j mod n.
func (m *Mixture) unitAt(lane int, j int64) int64 {
	n := m.parts[lane].Source.Len()
	return permute(splitmix(m.keys[lane]+uint64(j/n)), n, j%n)
}

// piece is a run of tokens within one unit.
type piece struct {
	lane  int
	unit  int64
	from  int
	n     int
	first bool // the unit starts here
}

// read copies a piece's tokens and mask.
func (m *Mixture) read(p piece, tokens []int32, mask []uint8) error {
	if err := m.parts[p.lane].Source.Read(p.unit, p.from, tokens, mask); err != nil {
		return fmt.Errorf("source %q unit %d: %w", m.parts[p.lane].Name, p.unit, err)
	}
	return nil
}

// advance consumes at most n tokens of one unit. A piece of 0 tokens means that
// the stream has ended.
func (m *Mixture) advance(c *cursor, n int) (piece, error) {
	for c.lane < 0 || c.offset == c.size {
		if ok, err := m.draw(c); !ok {
			return piece{}, err
		}
	}
	n = min(n, c.size-c.offset)
	p := piece{c.lane, c.unit, c.offset, n, c.offset == 0}
	c.offset += n
	c.token += int64(n)
	return p, nil
}
