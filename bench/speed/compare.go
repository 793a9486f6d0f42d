package speed

import (
	"fmt"
	"math"
	"slices"
)

// Measured is what one side did of one kind of work.
type Measured struct {
	Side     string    `json:"side"` // as the table calls it: "ours f32", "PyTorch bf16 compiled"
	Ours     bool      `json:"ours"`
	Work     string    `json:"work"`
	Is       string    `json:"is"` // what the side says it is
	Settings []string  `json:"settings,omitempty"`
	Tokens   int       `json:"tokens"`      // of one unit of work
	Seconds  []float64 `json:"seconds"`     // of every unit, in the order they were taken
	CPU      float64   `json:"cpu_seconds"` // of processor time, for all of them
	Losses   []float64 `json:"losses,omitempty"`
	Peak     int64     `json:"peak_bytes"`
	Base     int64     `json:"base_bytes"`
}

// Rate is the median of tokens per second.
func (m *Measured) Rate() float64 { return float64(m.Tokens) / Median(m.Seconds) }

// Spread is the range that half of the times lie in, as a share of the median: how quiet the machine was.
func (m *Measured) Spread() float64 {
	s := slices.Sorted(slices.Values(m.Seconds))
	return (quantile(s, 0.75) - quantile(s, 0.25)) / quantile(s, 0.5)
}

// Cores is how many processors it kept busy: fewer than its threads when it had to share them. NaN for decoding, whose
// prompts are read outside the measured time.
func (m *Measured) Cores() float64 {
	if m.Work == WorkDecode || m.Work == WorkBatched {
		return math.NaN()
	}
	total := 0.0
	for _, s := range m.Seconds {
		total += s
	}
	return m.CPU / total
}

// Median is the middle of numbers, NaN of none.
func Median(x []float64) float64 { return quantile(slices.Sorted(slices.Values(x)), 0.5) }

// quantile interpolates linearly between the order statistics of sorted numbers; NaN for none.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i == len(sorted)-1 {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// fastest returns the best of a kind of work on one side of the table, nil when there is none.
func fastest(all []*Measured, work string, ours bool) *Measured {
	var best *Measured
	for _, m := range all {
		if m.Work == work && m.Ours == ours && (best == nil || m.Rate() > best.Rate()) {
			best = m
		}
	}
	return best
}

// turnOrder says whose turn it is in one round: each of theirs behind one of ours, both in order, from the start again when
// they run out, so that the kinds of ours are as fresh as theirs.
func turnOrder(ours, theirs int) (order []int) {
	if theirs == 0 || ours == 0 {
		for i := range ours + theirs {
			order = append(order, i)
		}
		return order
	}
	for i := range max(ours, theirs) {
		order = append(order, i%ours, ours+i%theirs)
	}
	return order
}

// agreeLosses is nil when two sides' first training steps have the same losses within a relative tolerance: then model,
// batches, clipping and optimizer are the same.
func agreeLosses(a, b *Measured, tolerance float64) error {
	const first = 3
	if len(a.Losses) < first || len(b.Losses) < first {
		return fmt.Errorf("%s and %s: too few steps to compare losses", a.Side, b.Side)
	}
	for i := range first {
		if x, y := a.Losses[i], b.Losses[i]; !(math.Abs(x-y) <= tolerance*math.Abs(x)) {
			return fmt.Errorf("%s and %s compute different things: the losses of step %d are %v and %v", a.Side, b.Side, i+1, x, y)
		}
	}
	return nil
}

// agreeLogits is nil when two rows of logits differ by at most a share of the largest.
func agreeLogits(a, b []float64, tolerance float64) error {
	if len(a) != len(b) || len(a) == 0 {
		return fmt.Errorf("%d and %d logits", len(a), len(b))
	}
	largest, worst := 0.0, 0.0
	for i := range a {
		largest, worst = max(largest, math.Abs(a[i])), max(worst, math.Abs(a[i]-b[i]))
	}
	if !(worst <= tolerance*largest) {
		return fmt.Errorf("logits differ by %.3g, the largest is %.3g", worst, largest)
	}
	return nil
}
