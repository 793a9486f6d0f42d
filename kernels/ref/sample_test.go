package ref_test

import (
	"math"
	"testing"

	"github.com/primer-lm/primer/kernels/ref"
)

// Probabilities 0.4, 0.3, 0.2, 0.1. Temperature comes first, then top-k, then top-p on what top-k renormalised: every other
// order keeps two tokens in the rows that must keep one, and some seed would take the second.
func TestSampleCutsInTheContractsOrder(t *testing.T) {
	for _, c := range []struct {
		temperature, topP float64
		topK, tokens      int
	}{{1, 0.5, 2, 1}, {0.5, 0.5, 0, 1}, {0.5, 0.6, 2, 1}, {1, 0.5, 0, 2}, {1, 0, 3, 3}, {1, 0, 0, 4}} {
		seen := map[int]bool{}
		for seed := range uint64(200) {
			token, _ := ref.SampleRow(ref.Row{
				Logits:      []float64{math.Log(0.4), math.Log(0.3), math.Log(0.2), math.Log(0.1)},
				Temperature: c.temperature, TopP: c.topP, TopK: c.topK, Seed: seed,
			})
			seen[token] = true
		}
		for token := range 4 {
			if seen[token] != (token < c.tokens) {
				t.Errorf("temperature %g, top-k %d, top-p %g: took tokens %v, want the first %d", c.temperature, c.topK, c.topP, seen, c.tokens)
				break
			}
		}
	}
}
