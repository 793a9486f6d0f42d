//go:build cuda && emulator

package cuda

import (
	"fmt"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// An algorithm is asked for the first time that a shape is used, and never again.
func TestAlgorithmsAreChosenOnce(t *testing.T) {
	b := opened(t)
	x, w, y := newMatrix(t, b, kernels.BF16, 1, 3, 40), newMatrix(t, b, kernels.BF16, 2, 24, 40), newMatrix(t, b, kernels.BF16, 3, 3, 24)
	weight, err := b.Prepare(w.Tensor, kernels.WeightTrained)
	if err != nil {
		t.Fatal(err)
	}
	bias := newMatrix(t, b, kernels.F32, 4, 1, 24).Reshape(24)
	step := func() int {
		before := standInHeuristics()
		for _, bias := range []kernels.Tensor{{}, bias} {
			b.Linear(kernels.LinearArgs{Y: y.Tensor, X: x.Tensor, W: weight, Bias: bias})
		}
		return standInHeuristics() - before
	}
	if first, second := step(), step(); first == 0 || second != 0 {
		t.Errorf("the library was asked %d times in the first step, %d in the second", first, second)
	}
}

// launches counts those of a kernel so far.
func launches(kernel string) int {
	for _, k := range emulatedKernels() {
		if k.name == kernel {
			return k.launches
		}
	}
	return -1
}

// A bias is added by the product where the library can (the stand-in: at multiples of 16 bytes), and beforehand where it cannot.
func TestBiasWithTheProduct(t *testing.T) {
	b := opened(t)
	const n, o, i = 5, 24, 40
	x, w := newMatrix(t, b, kernels.BF16, 1, n, i), newMatrix(t, b, kernels.BF16, 2, o, i)
	weight, err := b.Prepare(w.Tensor, kernels.WeightTrained)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range acts {
		for _, odd := range []int64{0, 1} { // newMatrix is one element off
			mem, err := b.Alloc(kernels.MemActivations, 4*(n*o+4))
			if err != nil {
				t.Fatal(err)
			}
			y := matrix{kernels.NewTensor(mem, odd*4, d, n, o), nil}
			all := newMatrix(t, b, kernels.F32, 5, 1, o+3) // its fourth element is at a multiple of 16
			bias, values := kernels.NewTensor(all.Mem, 16-4*odd, kernels.F32, o), all.v[3-odd:]
			before := launches("linear_bias")
			b.Linear(kernels.LinearArgs{Y: y.Tensor, X: x.Tensor, W: weight, Bias: bias})
			y.check(t, b, fmt.Sprintf("%v, odd %d", d, odd), product(n, o, i, x.at, w.at, func(_, j int64) float64 { return values[j] }))
			if got := launches("linear_bias") - before; got != int(odd) {
				t.Errorf("%v, odd %d: %d launches beside the product", d, odd, got)
			}
			b.Free(mem)
		}
	}
}

// The gradient of a bias over many rows, in parts and, where there is no room for them, in fewer or one.
func TestBiasGradientInParts(t *testing.T) {
	b := opened(t)
	const n, o = 3*dbiasRows + 17, 5
	one := func(int64, int64) float64 { return 1 }
	for _, room := range []int64{productScratch, 2 * o * 4, 0} {
		for _, d := range acts {
			b.products.room = room
			dy, dbias := newMatrix(t, b, d, 1, n, o), newMatrix(t, b, kernels.F32, 2, 1, o)
			b.biasGradient(kernels.LinearBackwardWeightArgs{DY: dy.Tensor, DBias: dbias.Reshape(o), Accumulate: d == kernels.F32})
			start := none
			if d == kernels.F32 {
				start = dbias.at
			}
			dbias.check(t, b, fmt.Sprintf("room %d, %v", room, d), product(1, o, n, one, dy.turned, start))
		}
	}
	b.products.room = productScratch
}

// A product runs after a failure, on whatever its operands hold. A step that it is part of changes no weight.
func TestProductAfterAFailure(t *testing.T) {
	r := newScorer(t)
	const o, i = 32, kernels.Block / 32
	r.CrossEntropy(kernels.CrossEntropyArgs{Loss: r.tensor(kernels.F32, 0, 1), Logits: r.floats(kernels.F32, 0, normal(7, 7), 1, 7), Targets: r.ints(kernels.I32, 7)})
	grad, before := r.tensor(kernels.F32, 0, o, i), normal(o*i, 3)
	r.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{DW: grad, DY: r.floats(kernels.F32, 0, normal(3*o, 1), 3, o), X: r.floats(kernels.F32, 0, normal(3*i, 2), 3, i), Math: kernels.F32})
	a := kernels.AdamWArgs{
		Master: r.floats(kernels.F32, 0, before, o*i), Shadow: r.tensor(kernels.BF16, 0, o*i), Grad: grad.Reshape(o * i),
		M: r.tensor(kernels.F32, 0, o*i), V: r.tensor(kernels.F32, 0, o*i), Decay: r.tensor(kernels.U8, 0, o*i/kernels.Block),
		Hyper: r.floats(kernels.F32, 0, []float32{1e-2, 2, 3}, 3), Clip: r.floats(kernels.F32, 0, []float32{1, 1, 1}, 3),
		Step: r.tensor(kernels.I64, 0, kernels.StepLen), Beta1: 0.9, Beta2: 0.99, Eps: 1e-8,
	}
	r.AdamW(a)
	if r.Sync() == nil {
		t.Fatal("a target outside the vocabulary is no failure")
	}
	same := func(what string, got []float32, want float32, of []float32) {
		for i, v := range got {
			if of != nil {
				want = of[i]
			}
			if v != want {
				t.Fatalf("%s: element %d is %g, was %g", what, i, v, want)
			}
		}
	}
	same("weights", r.f32(a.Master), 0, before)
	same("moments", r.f32(a.M), 0, nil)
	r.AdamW(a)
	if r.f32(a.Master)[0] == before[0] {
		t.Error("after Sync nothing runs")
	}
}
