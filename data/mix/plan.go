package mix

import (
	"fmt"
	"math"
)

// plan sets the budget, and weights that reach it. With weights a lane may not run dry before the budget is
// met, unless it says so, since the proportions would silently change: that is an error here, not in
// the middle of a run.
func (m *Mixture) plan(weighted bool) error {
	m.asked = m.tokenShares()
	m.budget = m.opt.Budget
	switch {
	case weighted && m.budget == 0:
		reach, _ := m.reach(m.asked)
		m.budget = int64(reach)
	case weighted:
		if err := m.fill(); err != nil {
			return err
		}
	case m.budget == 0:
		m.budget = math.MaxInt64
	default:
		if err := m.stretch(); err != nil {
			return err
		}
	}
	if weighted {
		// A lane may go past its last pass by the rounding of one unit; the budget ends it.
		for i := range m.limit {
			if m.parts[i].Short != ShortEnd {
				m.limit[i] = math.MaxInt64
			}
		}
	}
	return nil
}

// held is how many tokens a lane may give.
func (m *Mixture) held(i int) float64 {
	if m.limit[i] == math.MaxInt64 {
		return math.Inf(1)
	}
	return float64(m.parts[i].Source.Tokens()) * float64(m.limit[i]/m.parts[i].Source.Len())
}

// reach is after how many tokens the first lane is dry, and which.
func (m *Mixture) reach(shares []float64) (tokens float64, dry int) {
	tokens = math.Inf(1)
	for i := range m.parts {
		if r := m.held(i) / shares[i]; r < tokens {
			tokens, dry = r, i
		}
	}
	return tokens, dry
}

// slack forgives the rounding of shares.
const slack = 1 + 1e-9

// fill gives lanes that end before the budget all that they hold, and the others the rest, in proportion; then every lane must
// last.
func (m *Mixture) fill() error {
	want, ends := make([]float64, len(m.parts)), make([]bool, len(m.parts))
	for again := true; again; {
		again = false
		left, free := float64(m.budget), 0.0
		for i := range want {
			if ends[i] {
				left -= want[i]
			} else {
				free += m.asked[i]
			}
		}
		for i := range want {
			if ends[i] {
				continue
			}
			if want[i] = left * m.asked[i] / free; m.parts[i].Short == ShortEnd && want[i] > m.held(i)*slack {
				want[i], ends[i], again = m.held(i), true, true
			}
		}
	}
	given := 0.0
	for i := range want {
		given += want[i]
		if ends[i] {
			continue
		}
		if h := m.held(i); want[i] > h*slack {
			share := want[i] / float64(m.budget)
			return fmt.Errorf("%w: at its share source %q lasts for %.0f of %d tokens: raise its repeats, lower its weight or the budget, or say what it does then (short)",
				ErrShort, m.parts[i].Name, h/share, m.budget)
		}
	}
	if given*slack < float64(m.budget) {
		return fmt.Errorf("%w: all of them end, after %.0f of %d tokens: let one repeat, or lower the budget", ErrShort, given, m.budget)
	}
	for i := range want {
		if ends[i] {
			m.reweigh(want)
			break
		}
	}
	return nil
}

// stretch lets lanes without a limit reach a budget that is larger than what all hold, each of the others giving what it holds.
func (m *Mixture) stretch() error {
	limited, free, frees := 0.0, 0.0, 0
	natural := make([]float64, len(m.parts))
	for i, p := range m.parts {
		natural[i] = float64(p.Source.Tokens()) * float64(max(p.Repeats, 1))
		if math.IsInf(m.held(i), 1) {
			free += natural[i]
			frees++
		} else {
			limited += natural[i]
		}
	}
	budget := float64(m.budget)
	if budget <= limited+free || frees == len(m.parts) {
		return nil
	}
	if frees == 0 {
		return fmt.Errorf("%w: they hold %.0f of %d tokens with their repeats: raise repeats, lower the budget, or let one repeat (short)", ErrShort, limited, m.budget)
	}
	for i := range natural {
		if math.IsInf(m.held(i), 1) {
			natural[i] *= (budget - limited) / free
		}
	}
	m.reweigh(natural)
	return nil
}

// reweigh sets weights for the tokens that each lane is to give.
func (m *Mixture) reweigh(tokens []float64) {
	for i, p := range m.parts {
		m.weight[i] = tokens[i]
		if m.opt.Measure == ByTexts {
			m.weight[i] *= float64(p.Source.Len()) / float64(p.Source.Tokens())
		}
	}
}

// tokenShares is each lane's expected share of the tokens.
func (m *Mixture) tokenShares() []float64 {
	shares := make([]float64, len(m.parts))
	total := 0.0
	for i, p := range m.parts {
		shares[i] = m.weight[i]
		if m.opt.Measure == ByTexts {
			shares[i] *= float64(p.Source.Tokens()) / float64(p.Source.Len())
		}
		total += shares[i]
	}
	for i := range shares {
		shares[i] /= total
	}
	return shares
}
