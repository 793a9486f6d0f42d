package gpu

import "time"

// budget divides what is left of the time among the steps that are left, in proportion to their shares: a step that ends early
// leaves its time to those behind it, one that is stopped takes from nobody.
type budget struct {
	end    time.Time
	shares []time.Duration // of the steps that have not begun
}

// The whole ends within limit; reserve is for ending processes and writing the summary.
const (
	limit   = 9 * time.Minute
	reserve = 12 * time.Second
)

// newBudget plans steps of the given shares within total, from now on. Less than the shares' sum is squeezed, more is given out.
func newBudget(now time.Time, total time.Duration, shares []time.Duration) *budget {
	return &budget{end: now.Add(total - reserve), shares: shares}
}

// next is when the next step has to have ended.
func (b *budget) next(now time.Time) time.Time {
	var left time.Duration
	for _, s := range b.shares {
		left += s
	}
	share := b.shares[0]
	b.shares = b.shares[1:]
	rest := b.end.Sub(now)
	if rest <= 0 {
		return now
	}
	return now.Add(time.Duration(float64(rest) * float64(share) / float64(left)))
}

// leastTime is less than which a step is not begun with.
const leastTime = 2 * time.Second
