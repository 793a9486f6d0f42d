//go:build cuda && emulator

package cuda

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

func normal(n int64, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

// A row long enough for the loads of several packets at once has the same bits wherever it begins, and the right loss.
func TestCrossEntropyAtOddAddresses(t *testing.T) {
	const n, v = 2, 33001
	for _, d := range []kernels.DType{kernels.F32, kernels.BF16} {
		var gradients, losses []byte
		for _, odd := range []int64{0, 1, 3} {
			b := newBench(t)
			a := kernels.CrossEntropyArgs{
				Loss: b.tensor(kernels.F32, 0, n), Logits: b.floats(d, odd, normal(n*v, 1), n, v), Targets: b.tensor(kernels.I32, 0, n),
				Scale: b.floats(kernels.F32, 0, []float32{0.5}, 1), ArgMax: b.tensor(kernels.I32, 0, n), Gradient: true,
			}
			a.Targets.HostI32()[1] = v - 1
			b.CrossEntropy(a)
			b.sync()
			if odd == 0 {
				gradients, losses = a.Logits.HostBytes(), a.Loss.HostBytes()
				// The mean of exp of a normal number is exp(1/2).
				right := float64(normal(n*v, 1)[0])
				if want := math.Log(v) + 0.5 - right; math.Abs(float64(a.Loss.HostF32()[0])-want) > 0.05 {
					t.Errorf("%v: loss %g, want about %g", d, a.Loss.HostF32()[0], want)
				}
			}
			if !bytes.Equal(a.Logits.HostBytes(), gradients) || !bytes.Equal(a.Loss.HostBytes(), losses) {
				t.Errorf("%v: %d elements after an aligned address the bits are others", d, odd)
			}
		}
	}
}

// Whatever the address, a sum has the same bits, also where parts grow with the length.
func TestSumAtOddAddresses(t *testing.T) {
	for _, n := range []int64{sumGrain - 1, 5*sumGrain + 3, sumParts*sumGrain + 12345} {
		x, exact := normal(1<<16, 2), 0.0
		values := make([]float32, n)
		for i := range values {
			values[i] = x[i%len(x)]
			exact += float64(values[i])
		}
		for _, odd := range []int64{0, 1} {
			b := newBench(t)
			a := kernels.SumArgs{Out: b.tensor(kernels.F64, 0, 1), X: b.floats(kernels.F32, odd, values, n)}
			b.Sum(a)
			b.sync()
			got := a.Out.HostF64()[0]
			if math.Abs(got-exact) > 1e-12*float64(n) {
				t.Errorf("n = %d: %g, want %g", n, got, exact)
			}
			if odd == 0 {
				exact = got
			} else if got != exact {
				t.Errorf("n = %d: %b one element after an aligned address, %b there", n, got, exact)
			}
		}
	}
}

// AdamW writes the same bits at odd addresses, where it moves element by element.
func TestAdamWAtOddAddresses(t *testing.T) {
	const n = (2*adamwBlocks + 3) * kernels.Block // blocks of the grid take two or three
	for _, moments := range []kernels.DType{kernels.F32, kernels.BF16} {
		var want []byte
		for _, odd := range []int64{0, 1} {
			b := newBench(t)
			a := kernels.AdamWArgs{
				Master: b.floats(kernels.F32, odd, normal(n, 3), n), Shadow: b.tensor(kernels.BF16, odd, n),
				Grad: b.floats(kernels.F32, 0, normal(n, 4), n), M: b.floats(moments, 0, normal(n, 5), n), V: b.tensor(moments, odd, n),
				Decay: b.tensor(kernels.U8, 0, n/kernels.Block), Hyper: b.floats(kernels.F32, 0, []float32{1e-2, 2, 3}, 3),
				Clip: b.floats(kernels.F32, 0, []float32{0.5, 2, 1}, 3), Step: b.tensor(kernels.I64, 0, kernels.StepLen),
				Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.1,
			}
			b.AdamW(a)
			b.sync()
			var got []byte
			for _, x := range []kernels.Tensor{a.Master, a.Shadow, a.M, a.V} {
				got = append(got, x.HostBytes()...)
			}
			before := normal(n, 3)
			for i, w := range a.Master.HostF32() {
				if w == before[i] || a.Shadow.HostU16()[i] != ref.Float64ToBF16(float64(w)) {
					t.Fatalf("moments %v: element %d was not updated", moments, i)
				}
			}
			if odd == 0 {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("moments %v: other bits one element after an aligned address", moments)
			}
		}
	}
}

// After a failure nothing is written: not by kernels that cannot fail themselves, nor by rows beside the one that fails.
func TestNothingRunsAfterAFailure(t *testing.T) {
	b := newBench(t)
	out, x := b.tensor(kernels.F64, 0, 1), b.floats(kernels.F32, 0, normal(100, 6), 100)
	loss := kernels.CrossEntropyArgs{
		Loss: b.tensor(kernels.F32, 0, 1), Logits: b.floats(kernels.F32, 0, normal(7, 7), 1, 7), Targets: b.tensor(kernels.I32, 0, 1),
	}
	loss.Targets.HostI32()[0] = 7
	b.CrossEntropy(loss)
	loss.Targets = b.tensor(kernels.I32, 0, 1)
	b.CrossEntropy(loss)
	b.Sum(kernels.SumArgs{Out: out, X: x})
	b.SumSquares(kernels.SumSquaresArgs{Out: out, X: x})
	clip := b.tensor(kernels.F32, 0, kernels.ClipLen)
	b.Clip(kernels.ClipArgs{Clip: clip, SumSquares: out})
	if b.Sync() == nil {
		t.Fatal("a target outside the vocabulary is no failure")
	}
	if loss.Loss.HostF32()[0] != 0 || out.HostF64()[0] != 0 || clip.HostF32()[kernels.ClipScale] != 0 {
		t.Error("an op after a failure wrote")
	}
	b.Sum(kernels.SumArgs{Out: out, X: x})
	b.sync()
	if out.HostF64()[0] == 0 {
		t.Error("after Sync nothing runs")
	}
}
