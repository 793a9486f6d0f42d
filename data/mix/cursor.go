package mix

import (
	"fmt"
	"slices"
)

// lane is how far a source has been drawn.
type lane struct {
	units  int64 // drawn, the current one included
	tokens int64 // of the drawn units
	paused int   // the last drawn unit waits behind so many of its tokens; 0: none waits
	rest   int   // tokens of the unit that waits, not consumed yet
}

// cursor is a place in the stream of units: a value, cheap to copy.
type cursor struct {
	lanes   []lane
	lane    int   // of the current unit; -1 before the first
	unit    int64 // number of the current unit within its source
	size    int   // its tokens
	offset  int   // consumed tokens of it
	resumed bool  // it has waited, and none of its tokens was consumed since
	token   int64 // position in the stream of tokens
	docs    int64 // documents begun so far
}

func (m *Mixture) start() cursor { return cursor{lanes: make([]lane, len(m.parts)), lane: -1} }

func (c cursor) clone() cursor { c.lanes = slices.Clone(c.lanes); return c }

// consumed is how many tokens of a lane lie behind the cursor.
func (c *cursor) consumed(i int) int64 {
	n := c.lanes[i].tokens - int64(c.lanes[i].rest)
	if i == c.lane {
		n -= int64(c.size - c.offset)
	}
	return n
}

// furthest is the lane furthest behind its share, -1 when every lane is at its limit.
func (m *Mixture) furthest(c *cursor) int {
	best, least := -1, 0.0
	for i := range c.lanes {
		l := &c.lanes[i]
		if l.paused == 0 && l.units >= m.limit[i] {
			continue
		}
		behind := float64(l.tokens - int64(l.rest))
		if m.opt.Measure == ByTexts {
			behind = float64(l.units)
		}
		if behind /= m.weight[i]; best < 0 || behind < least {
			best, least = i, behind
		}
	}
	return best
}

// draw moves to the next unit, one that waits or a new one: the lane furthest behind its share gives it. False
// when every lane is at its limit.
func (m *Mixture) draw(c *cursor) (bool, error) {
	best := m.furthest(c)
	if best < 0 {
		return false, nil
	}
	l := &c.lanes[best]
	waited := l.paused > 0
	if !waited {
		l.units++
	}
	unit := m.unitAt(best, l.units-1)
	size, err := m.parts[best].Source.UnitLen(unit)
	if err != nil {
		return false, fmt.Errorf("source %q unit %d: %w", m.parts[best].Name, unit, err)
	}
	c.lane, c.unit, c.size, c.offset, c.resumed = best, unit, size, l.paused, waited
	l.paused, l.rest = 0, 0
	if !waited {
		l.tokens += int64(size)
	}
	return true, nil
}

// maxLead is how many tokens a lane may come to be ahead of its share by going on with a unit. Every row's end cuts a unit
// anyway: one that is longer than a row, a book, then lets the other lanes catch up and goes on behind them. A lane begins a
// unit when it is furthest behind, so units up to this length never wait. Whatever the lengths of units, shares over any 10M tokens
// are within 0.1 % for rows up to 4,096 tokens, and within 0.15 % for rows of 8,192: no finer than rows are, since only their
// ends cut. (Tried: 4,096, with which sources of nothing but books were off by 0.11 %; letting what waits go on at the start of
// a row only, 0.2 %.)
const maxLead = 2048

// pause puts the current unit aside where a row ends and its lane is too far ahead: the piece it gives back is the unit's next
// token, which the row's last one has as its target. A piece of 0 tokens: the unit goes on.
func (m *Mixture) pause(c *cursor) piece {
	if c.lane < 0 || c.offset == c.size || m.opt.Measure != ByTokens || len(c.lanes) == 1 {
		return piece{}
	}
	total := int64(0)
	for i := range c.lanes {
		total += c.consumed(i)
	}
	share := m.weight[c.lane] / m.weights
	lead := float64(c.consumed(c.lane)) - share*float64(total)
	if ahead := min(c.size-c.offset, m.opt.Length); lead+(1-share)*float64(ahead) <= maxLead { // at the next row's end, or the unit's
		return piece{}
	}
	l := &c.lanes[c.lane]
	l.paused, l.rest = c.offset, c.size-c.offset
	if m.furthest(c) == c.lane { // the others are at their limits
		l.paused, l.rest = 0, 0
		return piece{}
	}
	next := piece{lane: c.lane, unit: c.unit, from: c.offset, n: 1}
	c.lane, c.size, c.offset = -1, 0, 0
	return next
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
	first bool // the unit starts here, or goes on after others
	// resumed: what stands before is not what comes before it in its text.
	resumed bool
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
	p := piece{c.lane, c.unit, c.offset, n, c.offset == 0 || c.resumed, c.resumed}
	c.resumed = false
	c.offset += n
	c.token += int64(n)
	return p, nil
}
