package model_test

import (
	"math"
	"slices"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
	"github.com/primer-lm/primer/model"
)

func sameBits(a, b map[string][]float32) string {
	for name := range a {
		if !slices.EqualFunc(a[name], b[name], func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) }) {
			return name
		}
	}
	return ""
}

// What is computed again must be the same bits as what was kept, with dropout and in both dtypes.
func TestRecomputeGivesEqualBits(t *testing.T) {
	g := openGolden(t, "mistral-window")
	for _, b := range backends(t) {
		for _, types := range [][2]kernels.DType{{kernels.F32, kernels.F32}, {kernels.BF16, kernels.BF16}, {kernels.BF16, kernels.F32}} {
			var loss float64
			var want map[string][]float32
			for _, r := range []model.Recompute{model.RecomputeNone, model.RecomputeLight, model.RecomputeLayer} {
				tr := openTrainer(t, b, g, model.Options{Math: types[0], Stream: types[1], Dropout: 0.25, Recompute: r})
				batch := nextTokens(g.Tokens...)
				batch.Seed, batch.Step, batch.Sample, batch.Token = 7, 3, 5, 99
				got := step(t, tr, batch)
				grads := gradients(t, tr)
				if r == model.RecomputeNone {
					loss, want = got, grads
					continue
				}
				if name := sameBits(want, grads); got != loss || name != "" {
					t.Errorf("%s %v: recompute %v: loss %v and %v, gradient of %q differs", b.Name(), types, r, loss, got, name)
				}
			}
			if plain := step(t, openTrainer(t, b, g, model.Options{Math: types[0], Stream: types[1]}), nextTokens(g.Tokens...)); plain == loss {
				t.Errorf("%s %v: dropout changes nothing", b.Name(), types)
			}
		}
	}
}

// Documents packed in one row must be what they are alone, whatever the neighbours; micro-batches must add up to one batch.
func TestPackingAndAccumulation(t *testing.T) {
	g := openGolden(t, "llama-gqa-odd")
	for _, b := range backends(t) {
		tr := openTrainer(t, b, g, model.Options{Math: kernels.F32, LogitRows: 13})
		packed := nextTokens(g.Tokens[0], g.Tokens[1][:9], g.Tokens[1][9:])
		whole := step(t, tr, packed)
		grads := gradients(t, tr)
		scores, err := tr.Score(packed)
		if err != nil {
			t.Fatal(err)
		}
		var alone []float32
		var parts []*model.Batch
		for s := range len(packed.CuLens) - 1 {
			part := nextTokens(packed.Tokens[packed.CuLens[s]:packed.CuLens[s+1]])
			part.Scale = packed.Scale
			one, err := tr.Score(part)
			if err != nil {
				t.Fatal(err)
			}
			alone, parts = append(alone, one.NLL...), append(parts, part)
		}
		if !slices.Equal(scores.NLL, alone) {
			t.Errorf("%s: a document's losses depend on its neighbours", b.Name())
		}
		if sum := step(t, tr, parts...); !(math.Abs(sum-whole) <= 1e-6*whole) {
			t.Errorf("%s: loss %v in one batch, %v in three", b.Name(), whole, sum)
		}
		for name, got := range gradients(t, tr) {
			if err := worst(got, grads[name]); !(err <= 1e-5) {
				t.Errorf("%s: gradient of %s: three micro-batches are %.3g away from one batch", b.Name(), name, err)
			}
		}
	}
}

// A mask must act as if the rows without loss had none: the same as a loss over fewer targets, at any chunk of logits.
func TestMaskLeavesRowsOut(t *testing.T) {
	g := openGolden(t, "llama3-tied")
	for _, b := range backends(t) {
		tr := openTrainer(t, b, g, model.Options{Math: kernels.F32, LogitRows: 7})
		batch := nextTokens(g.Tokens[0])
		for i := range 20 {
			batch.Mask[i] = 0
			batch.Targets[i] = -100
		}
		batch.Scale = 1 / float32(batch.LossTokens())
		scores, err := tr.Score(batch)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, l := range scores.NLL {
			if (batch.Mask[i] == 0) != (l == 0 && scores.ArgMax[i] == -1) {
				t.Errorf("%s: row %d, mask %d: loss %v, arg max %d", b.Name(), i, batch.Mask[i], l, scores.ArgMax[i])
			}
			sum += float64(l)
		}
		if loss := step(t, tr, batch); !(math.Abs(loss-sum*float64(batch.Scale)) < 1e-5) {
			t.Errorf("%s: loss %v, scored %v", b.Name(), loss, sum*float64(batch.Scale))
		}
		empty := *batch
		empty.Mask = make([]uint8, len(batch.Tokens))
		grads := gradients(t, tr)
		step(t, tr, &empty, batch) // a micro-batch without loss adds nothing, wherever it stands
		if name := sameBits(grads, gradients(t, tr)); name != "" {
			for view, got := range gradients(t, tr) {
				if err := worst(got, grads[view]); !(err <= 1e-6) {
					t.Errorf("%s: a micro-batch without loss changes the gradient of %s by %.3g", b.Name(), view, err)
				}
			}
		}
	}
}

// Finite differences of the whole loss, in float64 on the reference, for some elements of every stored tensor.
func TestGradientsAreDerivatives(t *testing.T) {
	g := openGolden(t, "llama3-headdim")
	b := ref.Open(ref.Options{})
	t.Cleanup(func() { b.Close() })
	tr := openTrainer(t, b, g, model.Options{Math: kernels.F64, Dropout: 0.2})
	batch := nextTokens(g.Tokens[0][:9], g.Tokens[1][:7])
	step(t, tr, batch)
	flat, state := tr.Flat(), tr.State()
	master, grad := state.Master.HostF64(), slices.Clone(state.Grad.HostF64())
	const h = 1e-5
	for i := range flat.Params {
		for k := range int64(2) {
			at := flat.From[i] + (k*7919+13)%flat.Params[i].Len()
			if flat.Params[i].Role == model.RoleEmbed {
				at = flat.From[i] + int64(batch.Tokens[k])*48 + 5
			}
			old := master[at]
			master[at] = old + h
			up := step(t, tr, batch)
			master[at] = old - h
			down := step(t, tr, batch)
			master[at] = old
			slope := (up - down) / (2 * h)
			if err := math.Abs(slope - grad[at]); !(err <= 1e-6*(1+math.Abs(slope))) {
				t.Errorf("%s element %d: gradient %v, slope %v", flat.Params[i].Name, at-flat.From[i], grad[at], slope)
			}
		}
	}
}

// A few steps of AdamW on one batch must bring its loss to nearly nothing: forward, backward and optimizer fit together.
func TestOverfitsOneBatch(t *testing.T) {
	g := openGolden(t, "mistral-full-tied")
	for _, b := range backends(t) {
		tr := openTrainer(t, b, g, model.Options{Math: kernels.F32, Moments: kernels.F32})
		if err := tr.Initialize(1); err != nil {
			t.Fatal(err)
		}
		s, batch := tr.State(), nextTokens(g.Tokens[0][:16])
		first := step(t, tr, batch)
		if want := math.Log(float64(g.folder.Config.VocabSize)); !(math.Abs(first-want) < 0.2) {
			t.Errorf("%s: a fresh model's loss is %v, log(vocabulary) is %v", b.Name(), first, want)
		}
		last := first
		for i := 1; i <= 60; i++ {
			last = step(t, tr, batch)
			b.SumSquares(kernels.SumSquaresArgs{Out: s.SumSquares, X: s.Grad})
			b.Clip(kernels.ClipArgs{Clip: s.Clip, SumSquares: s.SumSquares, Loss: s.Loss, MaxNorm: 1})
			c1, c2 := 1/(1-math.Pow(0.9, float64(i))), 1/(1-math.Pow(0.95, float64(i)))
			b.Write(s.Hyper, bytesOfFloats(1e-2, float32(c1), float32(c2)))
			b.AdamW(kernels.AdamWArgs{Master: s.Master, Grad: s.Grad, M: s.M, V: s.V, Decay: s.Decay, Hyper: s.Hyper, Clip: s.Clip,
				Beta1: 0.9, Beta2: 0.95, Eps: 1e-8})
			if err := tr.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		if !(last < 0.02) {
			t.Errorf("%s: loss %v after 60 steps on one batch, %v at first", b.Name(), last, first)
		}
	}
}

// What dropout drops follows from seed, step and the global place of a row alone: a step cut into micro-batches is the same
// step, and another seed, step, first document or first row is another one.
func TestDropoutKnowsItsPlace(t *testing.T) {
	g := openGolden(t, "llama-gqa-odd")
	for _, b := range backends(t) {
		tr := openTrainer(t, b, g, model.Options{Math: kernels.F32, Dropout: 0.2})
		at := func(b *model.Batch, sample, token int) *model.Batch {
			b.Seed, b.Step, b.Sample, b.Token = 1, 2, int64(sample), int64(token)
			return b
		}
		first, second := g.Tokens[0][:11], g.Tokens[1]
		whole := at(nextTokens(first, second), 4, 100)
		want := step(t, tr, whole)
		grads := gradients(t, tr)
		one, two := at(nextTokens(first), 4, 100), at(nextTokens(second), 5, 100+len(first))
		one.Scale, two.Scale = whole.Scale, whole.Scale
		if got := step(t, tr, one, two); !(math.Abs(got-want) <= 1e-6*want) {
			t.Errorf("%s: loss %v in two micro-batches, %v in one", b.Name(), got, want)
		}
		for name, got := range gradients(t, tr) {
			if err := worst(got, grads[name]); !(err <= 1e-5) {
				t.Errorf("%s: gradient of %s: two micro-batches are %.3g away from one", b.Name(), name, err)
			}
		}
		for what, change := range map[string]func(*model.Batch){
			"seed": func(b *model.Batch) { b.Seed = 2 }, "step": func(b *model.Batch) { b.Step = 3 },
			"first document": func(b *model.Batch) { b.Sample = 5 }, "first row": func(b *model.Batch) { b.Token = 101 },
		} {
			other := at(nextTokens(first, second), 4, 100)
			change(other)
			if got := step(t, tr, other); got == want {
				t.Errorf("%s: another %s, the same loss", b.Name(), what)
			}
		}
	}
}
