package metric

import (
	"encoding/json"
	"math"

	"gonum.org/v1/gonum/stat"
)

// Score is a mean with its standard error and the number of items it was taken over.
type Score struct {
	Mean   float64 `json:"mean"`
	Stderr float64 `json:"stderr"`
	N      int     `json:"n"`
}

// MarshalJSON writes what is not a number (no items, or the error of one item) as null.
func (s Score) MarshalJSON() ([]byte, error) {
	number := func(x float64) *float64 {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return &x
	}
	return json.Marshal(struct {
		Mean   *float64 `json:"mean"`
		Stderr *float64 `json:"stderr"`
		N      int      `json:"n"`
	}{number(s.Mean), number(s.Stderr), s.N})
}

// MeanOf returns the mean of xs with the standard error sqrt(Σ(x−mean)²/(n−1))/sqrt(n). One item has no standard error
// (NaN), none has no mean either.
func MeanOf(xs []float64) Score {
	mean, sd := stat.MeanStdDev(xs, nil)
	return Score{Mean: mean, Stderr: stat.StdErr(sd, float64(len(xs))), N: len(xs)}
}

// Accuracy is MeanOf over zeros and ones.
func Accuracy(correct []bool) Score {
	xs := make([]float64, len(correct))
	for i, ok := range correct {
		if ok {
			xs[i] = 1
		}
	}
	return MeanOf(xs)
}

// Lead returns how many standard errors of the difference a stands above b, the two taken as independent.
func Lead(a, b Score) float64 { return (a.Mean - b.Mean) / math.Hypot(a.Stderr, b.Stderr) }

// ArgMax returns the index of the first maximum; a NaN never wins. It is -1 for no scores.
func ArgMax(scores []float64) int {
	best := -1
	for i, s := range scores {
		if !math.IsNaN(s) && (best < 0 || s > scores[best]) {
			best = i
		}
	}
	return best
}

// Perplexity is exp of the mean negative log-likelihood per token, in natural logarithms.
func Perplexity(nll float64, tokens int64) float64 { return math.Exp(nll / float64(tokens)) }
