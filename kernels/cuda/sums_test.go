//go:build cuda

package cuda

import (
	"bytes"
	"encoding/binary"
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
	r, logits := newScorer(t), normal(n*v, 1)
	for _, d := range []kernels.DType{kernels.F32, kernels.BF16} {
		var want []byte
		for _, odd := range []int64{0, 1, 3} {
			a := kernels.CrossEntropyArgs{
				Loss: r.tensor(kernels.F32, 0, n), Logits: r.floats(d, odd, logits, n, v), Targets: r.ints(kernels.I32, 0, v-1),
				Scale: r.floats(kernels.F32, 0, []float32{0.5}, 1), ArgMax: r.tensor(kernels.I32, 0, n), Gradient: true,
			}
			r.CrossEntropy(a)
			got := r.bytes(a.Logits, a.Loss, a.ArgMax)
			// The mean of exp of a normal number is exp(1/2).
			if loss, want := float64(r.f32(a.Loss)[0]), math.Log(v)+0.5-float64(logits[0]); !(math.Abs(loss-want) < 0.05) {
				t.Errorf("%v: loss %g, want about %g", d, loss, want)
			}
			if odd == 0 {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("%v: %d elements after an aligned address the bits are others", d, odd)
			}
		}
	}
}

// Whatever the address, a sum has the same bits, also where parts grow with the length.
func TestSumAtOddAddresses(t *testing.T) {
	r, x := newScorer(t), normal(1<<16, 2)
	for _, n := range []int64{sumGrain - 1, 5*sumGrain + 3, sumParts*sumGrain + 12345} {
		values, want := make([]float32, n), 0.0
		for i := range values {
			values[i] = x[i%len(x)]
			want += float64(values[i])
		}
		for _, odd := range []int64{0, 1} {
			a := kernels.SumArgs{Out: r.tensor(kernels.F64, 0, 1), X: r.floats(kernels.F32, odd, values, n)}
			r.Sum(a)
			got := r.f64(a.Out)[0]
			if !(math.Abs(got-want) <= 1e-12*float64(n)) || (odd > 0 && got != want) {
				t.Errorf("n = %d, %d elements after an aligned address: %g, want %g", n, odd, got, want)
			}
			want = got // at other addresses by bits
		}
	}
}

// AdamW writes the same bits at odd addresses, where it moves element by element, and every block.
func TestAdamWAtOddAddresses(t *testing.T) {
	r := newScorer(t)
	n := int64(2*adamwBlocks*r.multiprocessors+3) * kernels.Block // blocks of the grid take two or three
	before, grad, m := normal(n, 3), normal(n, 4), normal(n, 5)
	for _, moments := range []kernels.DType{kernels.F32, kernels.BF16} {
		var want []byte
		for _, odd := range []int64{0, 1} {
			a := kernels.AdamWArgs{
				Master: r.floats(kernels.F32, odd, before, n), Shadow: r.tensor(kernels.BF16, odd, n), Grad: r.floats(kernels.F32, 0, grad, n),
				M: r.floats(moments, 0, m, n), V: r.tensor(moments, odd, n), Decay: r.tensor(kernels.U8, 0, n/kernels.Block),
				Hyper: r.floats(kernels.F32, 0, []float32{1e-2, 2, 3}, 3), Clip: r.floats(kernels.F32, 0, []float32{0.5, 2, 1}, 3),
				Step: r.tensor(kernels.I64, 0, kernels.StepLen), Beta1: 0.9, Beta2: 0.99, Eps: 1e-8, WeightDecay: 0.1,
			}
			r.AdamW(a)
			shadow := r.bytes(a.Shadow)
			for i, w := range r.f32(a.Master) {
				if w == before[i] || binary.LittleEndian.Uint16(shadow[2*i:]) != ref.Float64ToBF16(float64(w)) {
					t.Fatalf("moments %v: element %d was not updated", moments, i)
				}
			}
			got := r.bytes(a.Master, a.M, a.V)
			if odd == 0 {
				want = got
			} else if !bytes.Equal(got, want) {
				t.Errorf("moments %v: other bits one element after an aligned address", moments)
			}
		}
	}
}

// After a failure nothing is written, by kernels that cannot fail themselves either; after Sync all is as before.
func TestNothingRunsAfterAFailure(t *testing.T) {
	r := newScorer(t)
	out, x := r.tensor(kernels.F64, 0, 1), r.floats(kernels.F32, 0, normal(100, 6), 100)
	loss := kernels.CrossEntropyArgs{Loss: r.tensor(kernels.F32, 0, 1), Logits: r.floats(kernels.F32, 0, normal(7, 7), 1, 7), Targets: r.ints(kernels.I32, 7)}
	right, clip := r.ints(kernels.I32, 0), r.tensor(kernels.F32, 0, kernels.ClipLen)
	r.CrossEntropy(loss)
	loss.Targets = right
	r.CrossEntropy(loss)
	r.Sum(kernels.SumArgs{Out: out, X: x})
	r.SumSquares(kernels.SumSquaresArgs{Out: out, X: x})
	r.Clip(kernels.ClipArgs{Clip: clip, SumSquares: out})
	if r.Sync() == nil {
		t.Fatal("a target outside the vocabulary is no failure")
	}
	if r.f32(loss.Loss)[0] != 0 || r.f64(out)[0] != 0 || r.f32(clip)[kernels.ClipScale] != 0 {
		t.Error("an op after a failure wrote")
	}
	r.Sum(kernels.SumArgs{Out: out, X: x})
	if r.f64(out)[0] == 0 {
		t.Error("after Sync nothing runs")
	}
}
