package metric

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

// Goldens of the SQuAD v1.1 script's token F1.
func TestTokenF1Goldens(t *testing.T) {
	for _, c := range []struct {
		predicted, gold string
		want            float64
	}{
		{"The cat sat.", "a cat SAT!", 1},
		{"blue blue red", "blue red red", 0.6666666666666666},
		{"New-York's  an old city", "new york old city", 0.5714285714285715},
		{"it's 5%", "its 5", 1},
		{"the", "the", 0},
		{"", "", 0},
		{"naïve—idea", "naïve idea", 0},
		{"Theta the An", "theta", 1},
	} {
		if got := TokenF1(c.predicted, c.gold); !near(got, c.want) {
			t.Errorf("TokenF1(%q, %q) = %v, want %v", c.predicted, c.gold, got, c.want)
		}
	}
	if got := Normalize("New-York's  an old city"); got != "newyorks old city" {
		t.Errorf("Normalize = %q", got)
	}
	if got := Normalize("aïeul a_b ~tilde~"); got != "aïeul ab tilde" {
		t.Errorf("Normalize = %q", got)
	}
	if got := BestF1("blue", []string{"red", "blue sky", "blue"}); got != 1 {
		t.Errorf("BestF1 = %v", got)
	}
}

func TestSetF1(t *testing.T) {
	gold := []string{"who is ann dorel", "what is zu", "where is mip"}
	for _, c := range []struct {
		name      string
		generated []string
		want      float64
	}{
		{"any order", []string{"where is mip", "who is ann dorel", "what is zu"}, 1},
		{"one missing", gold[:2], 2.0 / 3},
		{"one too many", append([]string{"qqq"}, gold...), 3.0 / 4},
		{"a repeat matches once", []string{gold[0], gold[0], gold[0]}, (1 + TokenF1(gold[0], gold[1]) + TokenF1(gold[0], gold[2])) / 3},
		{"nothing", nil, 0},
	} {
		if got := SetF1(c.generated, gold); !near(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if SetF1(nil, nil) != 1 {
		t.Error("two empty sets do not agree")
	}
}

// The assignment equals the best of all permutations.
func TestAssignIsOptimal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n := 1 + rng.IntN(6)
		m := make([][]float64, n)
		for i := range m {
			m[i] = make([]float64, n)
			for j := range m[i] {
				m[i][j] = float64(rng.IntN(5)) / 4
			}
		}
		got, seen := 0.0, map[int]bool{}
		for i, j := range assign(m) {
			got += m[i][j]
			seen[j] = true
		}
		if best := bestPermutation(m, 0, 0); len(seen) != n || !near(got, best) {
			t.Fatalf("assign = %v, want %v, columns %v, matrix %v", got, best, seen, m)
		}
	}
}

func bestPermutation(m [][]float64, row int, used uint) float64 {
	best := 0.0
	for j := 0; row < len(m) && j < len(m); j++ {
		if used&(1<<j) == 0 {
			best = max(best, m[row][j]+bestPermutation(m, row+1, used|1<<j))
		}
	}
	return best
}

func TestScores(t *testing.T) {
	s := Accuracy([]bool{true, false, true, true})
	if !near(s.Mean, .75) || !near(s.Stderr, .25) || s.N != 4 {
		t.Errorf("Accuracy = %+v", s)
	}
	if !math.IsNaN(MeanOf([]float64{1}).Stderr) {
		t.Error("one item has a standard error")
	}
	if got := Lead(Score{Mean: .5, Stderr: .03}, Score{Mean: .3, Stderr: .04}); !near(got, 4) {
		t.Errorf("Lead = %v", got)
	}
	if ArgMax([]float64{-4, -4}) != 0 || ArgMax([]float64{math.NaN(), -4, -3}) != 2 || ArgMax(nil) != -1 {
		t.Error("ArgMax")
	}
	if !near(Perplexity(4*math.Log(3), 4), 3) {
		t.Error("Perplexity")
	}
}
