package page

import (
	"cmp"
	"math"
	"slices"
)

// Histogram counts values in bins: of width Step, or, at 0, two to an octave, as lengths are.
type Histogram struct {
	Step float64 `json:"step,omitzero"`
	N    int64   `json:"n"`
	Sum  float64 `json:"sum"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Bins []Bin   `json:"bins,omitempty"` // in order, none empty
}

// Bin counts the values from From up to the next bin's edge.
type Bin struct {
	From float64 `json:"from"`
	N    int64   `json:"n"`
}

// maxBins bounds a histogram of steps; values beyond go into the bin nearest to them.
const maxBins = 512

// Add counts one value. What is no number is passed over.
func (h *Histogram) Add(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) || math.IsInf(h.Sum+v, 0) {
		return
	}
	h.merge(1, v, v, v)
	h.bin(Bin{h.edge(v), 1})
}

// Merge counts the values of another histogram of the same step.
func (h *Histogram) Merge(o Histogram) {
	if o.N == 0 {
		return
	}
	h.Step = o.Step
	h.merge(o.N, o.Sum, o.Min, o.Max)
	for _, b := range o.Bins {
		h.bin(b)
	}
}

func (h *Histogram) merge(n int64, sum, low, high float64) {
	if h.N == 0 {
		h.Min, h.Max = low, high
	}
	h.N, h.Sum, h.Min, h.Max = h.N+n, h.Sum+sum, min(h.Min, low), max(h.Max, high)
}

func (h *Histogram) bin(b Bin) {
	at, there := slices.BinarySearchFunc(h.Bins, b, func(a, b Bin) int { return cmp.Compare(a.From, b.From) })
	if there {
		h.Bins[at].N += b.N
		return
	}
	if len(h.Bins) >= maxBins {
		bins := slices.Clone(h.Bins)
		bins[min(at, len(bins)-1)].N += b.N
		h.Bins = bins
		return
	}
	h.Bins = slices.Insert(slices.Clone(h.Bins), at, b)
}

// edge is where the bin of a value begins.
func (h *Histogram) edge(v float64) float64 {
	if h.Step > 0 {
		return math.Round(math.Floor(v/h.Step+1e-9)*h.Step*1e6) / 1e6
	}
	if v < 4 {
		return math.Floor(v)
	}
	octave := math.Exp2(math.Floor(math.Log2(v)))
	if v >= 1.5*octave {
		return 1.5 * octave
	}
	return octave
}

// Next is the edge of the bin behind the one that begins at from.
func (h *Histogram) Next(from float64) float64 {
	if h.Step > 0 {
		return math.Round((from+h.Step)*1e6) / 1e6
	}
	if from < 4 {
		return from + 1
	}
	octave := math.Exp2(math.Floor(math.Log2(from)))
	if from > octave {
		return 2 * octave
	}
	return 1.5 * octave
}

// Mean is the mean of the values; 0 for none.
func (h *Histogram) Mean() float64 {
	if h.N == 0 {
		return 0
	}
	return h.Sum / float64(h.N)
}
