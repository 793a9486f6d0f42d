//go:build cuda && emulator

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
	const v, top = 33001, sampleThreads + 100
	all := requests(v)
	n := int64(len(all))
	b := newBench(t)
	a := kernels.SampleArgs{
		Tokens: b.tensor(kernels.I32, 0, n), LogProbs: b.tensor(kernels.F32, 0, n), TopTokens: b.tensor(kernels.I32, 0, n, top),
		TopLogProbs: b.tensor(kernels.F32, 0, n, top), Logits: b.tensor(kernels.F32, 1, n, v), Temperature: b.tensor(kernels.F32, 0, n),
		TopK: b.tensor(kernels.I32, 0, n), TopP: b.tensor(kernels.F32, 0, n), MinP: b.tensor(kernels.F32, 0, n),
		Seeds: b.tensor(kernels.I64, 0, n), Positions: b.tensor(kernels.I64, 0, n),
	}
	for i, r := range all {
		copy(a.Logits.HostF32()[i*v:], r.logits)
		a.Temperature.HostF32()[i], a.TopP.HostF32()[i], a.MinP.HostF32()[i], a.TopK.HostI32()[i] = r.temperature, r.topP, r.minP, r.topK
	}
	for seed := range int64(4) {
		for i := range all {
			a.Seeds.HostI64()[i], a.Positions.HostI64()[i] = seed, int64(i)
		}
		b.Sample(a)
		b.sync()
		for i, r := range all {
			want, margin := ref.SampleRow(ref.Row{
				Logits: widen(r.logits), Temperature: float64(r.temperature), TopP: float64(r.topP), MinP: float64(r.minP), TopK: int(r.topK),
				Seed: uint64(seed), Position: uint64(i),
			})
			if got := int(a.Tokens.HostI32()[i]); got != want && margin > 1e-6 {
				t.Errorf("%s, seed %d: token %d, want %d (margin %.2g)", r.name, seed, got, want, margin)
			}
		}
	}
	for i, r := range all {
		checkTop(t, r, a.TopTokens.HostI32()[i*top:(i+1)*top], a.TopLogProbs.HostF32()[i*top:(i+1)*top])
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

// Half-open draws: over many positions a token comes as often as its probability says.
func TestSampleFrequencies(t *testing.T) {
	const n, v = 1000, 5
	b := newBench(t)
	logits := b.tensor(kernels.BF16, 0, n, v)
	for i := range n {
		for k := range v {
			logits.HostU16()[i*v+k] = ref.Float64ToBF16(float64(k) / 2)
		}
	}
	heat := make([]float32, n)
	for i := range heat {
		heat[i] = 1
	}
	a := kernels.SampleArgs{
		Tokens: b.tensor(kernels.I32, 0, n), LogProbs: b.tensor(kernels.F32, 0, n), Logits: logits, Temperature: b.floats(kernels.F32, 0, heat, n),
		TopK: b.tensor(kernels.I32, 0, n), TopP: b.tensor(kernels.F32, 0, n), MinP: b.tensor(kernels.F32, 0, n),
		Seeds: b.tensor(kernels.I64, 0, n), Positions: b.tensor(kernels.I64, 0, n),
	}
	for i := range a.Positions.HostI64() {
		a.Positions.HostI64()[i] = int64(i)
	}
	b.Sample(a)
	b.sync()
	count, total := [v]float64{}, 0.0
	for _, token := range a.Tokens.HostI32() {
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
