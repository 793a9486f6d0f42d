package mix

import (
	"fmt"
	"math"
)

// Part is one source of a mixture.
type Part struct {
	Name   string // unique; the order of its units depends on it and on nothing else of the mixture
	Source Source
	// Weight is the part's share, relative to the others. All zero: each part
	// weighs as much as it holds, times Repeats, so that all end together.
	Weight float64
	// Repeats is how many passes may be made. 0: one pass without a budget, as
	// many as the budget needs with one.
	Repeats int64
	// Short says what happens where those passes do not reach the budget.
	Short Short
	// Note says where it came from; it is kept in the manifest.
	Note string
}

// Short is what a source does that is too small for its share of the budget.
type Short uint8

// What a source that runs short does.
const (
	ShortRefuse Short = iota // New gives ErrShort
	ShortRepeat              // it is read again, beyond Repeats, as often as the budget needs
	ShortEnd                 // it gives its passes, spread over the whole budget, and the others fill its share in proportion
)

// Measure is what shares are of.
type Measure uint8

// Shares are of tokens or of texts.
const (
	ByTokens Measure = iota
	ByTexts
)

// Options is how a mixture is drawn and packed.
type Options struct {
	Seed    uint64
	Length  int     // tokens a row
	Budget  int64   // tokens in all, cut down to whole rows; 0: what the parts hold
	Measure Measure // what Weight counts
	// Separate keeps attention and loss within units: each unit of a row is a
	// document of its own. Otherwise a row is one document, as in GPT-3.
	Separate bool
	// RestartPositions counts positions from the start of each unit even where a
	// row is one document. With Separate they always restart.
	RestartPositions bool
	// CutLong cuts units that are longer than Length into pieces in ragged
	// batches, each piece a document; otherwise such a unit is an error.
	CutLong bool
}

// Mixture is a checked set of parts. It is immutable; streams hold the positions.
type Mixture struct {
	parts   []Part
	opt     Options
	keys    []uint64  // per lane, for the permutation
	weight  []float64 // per lane
	weights float64   // their sum
	asked   []float64 // per lane: the share of tokens that its weight alone asks for
	limit   []int64   // units a lane may give, MaxInt64 for no limit
	budget  int64     // tokens, MaxInt64 where only exhaustion ends it
	print   uint64    // fingerprint of parts and options
}

// New checks parts and options, and that the budget can be met.
func New(parts []Part, opt Options) (*Mixture, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: no source", ErrSpec)
	}
	if opt.Length < 1 || opt.Budget < 0 {
		return nil, fmt.Errorf("%w: length %d and budget %d: length must be positive, budget not negative", ErrSpec, opt.Length, opt.Budget)
	}
	m := &Mixture{parts: parts, opt: opt}
	weighted, err := m.checkParts()
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		m.keys = append(m.keys, splitmix(opt.Seed)^hashName(p.Name))
		m.limit = append(m.limit, limit(p, opt.Budget))
		w := p.Weight
		if !weighted {
			w = float64(m.amount(p)) * float64(max(p.Repeats, 1))
		}
		m.weight = append(m.weight, w)
	}
	if err := m.plan(weighted); err != nil {
		return nil, err
	}
	for _, w := range m.weight {
		m.weights += w
	}
	m.print = m.fingerprint()
	return m, nil
}

// limit is how many units a part may give, as it says.
func limit(p Part, budget int64) int64 {
	passes := p.Repeats
	if passes == 0 && (budget == 0 || p.Short == ShortEnd) {
		passes = 1
	}
	if passes > 0 && p.Source.Len() <= math.MaxInt64/passes && (p.Short != ShortRepeat || budget == 0) {
		return p.Source.Len() * passes
	}
	return math.MaxInt64
}

// amount is what a part holds, in the mixture's measure.
func (m *Mixture) amount(p Part) int64 {
	if m.opt.Measure == ByTexts {
		return p.Source.Len()
	}
	return p.Source.Tokens()
}

func (m *Mixture) checkParts() (weighted bool, err error) {
	names := map[string]bool{}
	given := 0
	for _, p := range m.parts {
		switch {
		case p.Name == "" || names[p.Name]:
			return false, fmt.Errorf("%w: source name %q is empty or stands twice", ErrSpec, p.Name)
		case p.Source.Len() == 0 || p.Source.Tokens() == 0:
			return false, fmt.Errorf("%w: source %q is empty", ErrSpec, p.Name)
		case p.Weight < 0 || math.IsNaN(p.Weight) || math.IsInf(p.Weight, 0):
			return false, fmt.Errorf("%w: source %q has weight %v, which is no share", ErrSpec, p.Name, p.Weight)
		case p.Short > ShortEnd:
			return false, fmt.Errorf("%w: source %q: Short is %d", ErrSpec, p.Name, p.Short)
		case p.Repeats < 0:
			return false, fmt.Errorf("%w: source %q repeats %d times", ErrSpec, p.Name, p.Repeats)
		}
		names[p.Name] = true
		if p.Weight > 0 {
			given++
		}
	}
	if given > 0 && given < len(m.parts) {
		return false, fmt.Errorf("%w: %d of %d sources have a weight: give one to all or to none", ErrSpec, given, len(m.parts))
	}
	return given > 0, nil
}

// order is the version of the rule by which units are drawn. It goes up when the rule changes: a position that an older version
// saved is then refused, not continued in another order. 2: units wait at the ends of rows.
const order = 2

// fingerprint hashes what decides the order, so that a saved position is not used
// with another mixture.
func (m *Mixture) fingerprint() uint64 {
	h := hashName(fmt.Sprintf("order %d %+v", order, m.opt))
	for i, p := range m.parts {
		said := fmt.Sprintf("%s %d %d %v %d", p.Name, p.Source.Len(), p.Source.Tokens(), m.weight[i], p.Repeats)
		if p.Short != ShortRefuse {
			said += fmt.Sprint(" short ", p.Short)
		}
		h = splitmix(h ^ hashName(said))
	}
	return h
}

// Tokens is how many tokens packed rows hold in all, or the ends of passes where
// no budget was given.
func (m *Mixture) Tokens() int64 { return m.Rows() * int64(m.opt.Length) }

// Rows is how many packed rows there are.
func (m *Mixture) Rows() int64 {
	total := m.budget
	if total == math.MaxInt64 {
		total = 0
		for i, p := range m.parts {
			total += p.Source.Tokens() * (m.limit[i] / p.Source.Len())
		}
	}
	return total / int64(m.opt.Length)
}

// Options gives back what New was called with.
func (m *Mixture) Options() Options { return m.opt }
