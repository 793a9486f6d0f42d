//go:build cuda

package cuda

import (
	"math"
	"sort"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// request is one row of sampling.
type request struct {
	name                    string
	logits                  []float32
	temperature, topP, minP float32
	topK                    int32
}

// requests are rows that reach every way through the selection: bins whose tokens fit the list and bins that do not, ends that
// fall among equal logits, on a bin's edge, and beyond what has any weight.
func requests(v int64) []request {
	plain, flat, steps, far := normal(v, 8), make([]float32, v), normal(v, 9), normal(v, 10)
	for i := range plain {
		plain[i] *= 3
		steps[i] = float32(math.Floor(float64(steps[i] * 4)))
		flat[i] = 2.5
		far[i] = far[i]*1e-3 - 50
	}
	far[v/2], far[v/3] = 1, float32(math.Inf(-1))
	return []request{
		{"all", plain, 1, 0, 0, 0}, {"nucleus", plain, 1, 0.9, 0, 0}, {"small nucleus", plain, 0.7, 0.05, 0, 0}, {"k", plain, 2, 0, 0, 50},
		{"k and nucleus", plain, 1.5, 0.8, 0.01, 300}, {"many", plain, 1, 0.99, 0, int32(v) - 1}, {"cold", plain, 1e-30, 0.5, 0, 7},
		{"flat k", flat, 1, 0, 0, 1234}, {"flat nucleus", flat, 1, 0.37, 0, 0}, {"flat k and nucleus", flat, 1, 0.5, 1, 5000},
		{"steps k", steps, 1, 0, 0, 4001}, {"steps nucleus", steps, 1, 0.6, 0, 0}, {"steps k and nucleus", steps, 3, 0.7, 0.1, 9000},
		{"far", far, 10, 0.999, 0, 0}, {"far k", far, 30, 0.9, 0, 20000}, {"greedy", steps, 0, 0, 0, 0},
	}
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// Large vocabularies against the reference, and more top tokens than a block has threads.
func TestSampleLargeVocabulary(t *testing.T) {
	const v, top, seeds = 33001, sampleThreads + 100, 4
	all := requests(v)
	n := int64(len(all)) * seeds
	var logits, temperature, topP, minP []float32
	var topK, seed, position []int64
	for i := range n {
		q := all[i%int64(len(all))]
		logits, temperature, topP, minP = append(logits, q.logits...), append(temperature, q.temperature), append(topP, q.topP), append(minP, q.minP)
		topK, seed, position = append(topK, int64(q.topK)), append(seed, i), append(position, i*i)
	}
	r := newScorer(t)
	a := kernels.SampleArgs{
		Tokens: r.tensor(kernels.I32, 0, n), LogProbs: r.tensor(kernels.F32, 0, n), TopTokens: r.tensor(kernels.I32, 0, n, top),
		TopLogProbs: r.tensor(kernels.F32, 0, n, top), Logits: r.floats(kernels.F32, 1, logits, n, v),
		Temperature: r.floats(kernels.F32, 0, temperature, n), TopK: r.ints(kernels.I32, topK...), TopP: r.floats(kernels.F32, 0, topP, n),
		MinP: r.floats(kernels.F32, 0, minP, n), Seeds: r.ints(kernels.I64, seed...), Positions: r.ints(kernels.I64, position...),
	}
	r.Sample(a)
	tokens, topTokens, topLogProbs := r.i32(a.Tokens), r.i32(a.TopTokens), r.f32(a.TopLogProbs)
	for i := range n {
		q := all[i%int64(len(all))]
		want, margin := ref.SampleRow(ref.Row{
			Logits: widen(q.logits), Temperature: float64(q.temperature), TopP: float64(q.topP), MinP: float64(q.minP), TopK: int(q.topK),
			Seed: uint64(seed[i]), Position: uint64(position[i]),
		})
		if int(tokens[i]) != want && margin > 1e-6 {
			t.Errorf("%s, seed %d: token %d, want %d (margin %.2g)", q.name, seed[i], tokens[i], want, margin)
		}
		if i < int64(len(all)) {
			checkTop(t, q, topTokens[i*top:(i+1)*top], topLogProbs[i*top:(i+1)*top])
		}
	}
}

// checkTop holds the top tokens of a row against a stable sort.
func checkTop(t *testing.T, r request, tokens []int32, logProbs []float32) {
	t.Helper()
	order, total := make([]int32, len(r.logits)), 0.0
	for i, x := range r.logits {
		order[i] = int32(i)
		total += math.Exp(float64(x))
	}
	sort.SliceStable(order, func(i, j int) bool { return r.logits[order[i]] > r.logits[order[j]] })
	for k, got := range tokens {
		if got != order[k] {
			t.Errorf("%s: top token %d is %d, want %d", r.name, k, got, order[k])
			return
		}
		if want := float64(r.logits[got]) - math.Log(total); !(math.Abs(float64(logProbs[k])-want) <= 1e-5*math.Abs(want)+1e-6) {
			t.Errorf("%s: log-probability %d is %g, want %g", r.name, k, logProbs[k], want)
			return
		}
	}
}

// Over many positions a token comes as often as its probability says.
func TestSampleFrequencies(t *testing.T) {
	const n, v = 1000, 5
	r := newScorer(t)
	logits, heat, positions, total := make([]float32, n*v), make([]float32, n), make([]int64, n), 0.0
	for i := range logits {
		logits[i], heat[i/v], positions[i/v] = float32(i%v)/2, 1, int64(i/v)
	}
	a := kernels.SampleArgs{
		Tokens: r.tensor(kernels.I32, 0, n), LogProbs: r.tensor(kernels.F32, 0, n), Logits: r.floats(kernels.BF16, 0, logits, n, v),
		Temperature: r.floats(kernels.F32, 0, heat, n), TopK: r.tensor(kernels.I32, 0, n), TopP: r.tensor(kernels.F32, 0, n),
		MinP: r.tensor(kernels.F32, 0, n), Seeds: r.tensor(kernels.I64, 0, n), Positions: r.ints(kernels.I64, positions...),
	}
	r.Sample(a)
	var count [v]float64
	for _, token := range r.i32(a.Tokens) {
		count[token]++
	}
	for k := range v {
		total += math.Exp(float64(k) / 2)
	}
	for k, c := range count {
		p := math.Exp(float64(k)/2) / total
		if sigma := math.Sqrt(n * p * (1 - p)); math.Abs(c-n*p) > 4*sigma {
			t.Errorf("token %d came %g times of %d, want %.0f ± %.0f", k, c, n, n*p, sigma)
		}
	}
}
