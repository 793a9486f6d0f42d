//go:build cuda && emulator

package train

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/kernels"
)

// Over 50 steps, in which the loss falls from 3.9 to about 1.3, the device's bf16 follows the CPU's f32. bf16 keeps eight bits: weights
// and activations are rounded by up to 2^-9 of themselves, one way and the other, and a loss is a mean over 32 tokens of sums of
// such products, so it may be off by one unit of its own last place in bf16, 2^-8 of it. Mistakes do more: a learning rate that is
// off by a tenth moves a loss by up to an eighth of itself, a weight decay that is forgotten by 1 %.
const curveTolerance = 1.0 / 256

// furthest is the largest distance of two curves at a step, as a share of the loss there.
func furthest(got, want []float64) (worst float64) {
	for i := range want {
		if d := math.Abs(got[i]-want[i]) / want[i]; !(d <= worst) {
			worst = d
		}
	}
	return worst
}

func TestLossFollowsTheCPUOnCUDA(t *testing.T) {
	compiled(t)
	want := curveOf(t, curveJob(t, "cpu"))
	if first, last := want[0], (want[47]+want[48]+want[49])/3; !(last < first/2) {
		t.Errorf("the loss falls from %v to %v only", first, last)
	}
	job := curveJob(t, "cuda:0")
	job.Config.Math = MathBF16
	apart := furthest(curveOf(t, job), want)
	if !(apart <= curveTolerance) {
		t.Errorf("losses are up to %.2g of themselves away from the CPU's, allowed are %.2g", apart, curveTolerance)
	}
	t.Logf("losses are up to %.2g of themselves away from the CPU's", apart)
	for what, plant := range map[string]func(*Job){
		"rate × 1.1":   func(j *Job) { j.Config.Rate *= 1.1 },
		"rate × 0.9":   func(j *Job) { j.Config.Rate *= 0.9 },
		"no decay":     func(j *Job) { j.Config.WeightDecay = 0 },
		"no residual":  func(j *Job) { j.Backend = cutStream{Backend: j.Backend} },
		"no dropout":   func(j *Job) { j.Config.Dropout = 0 },
		"another seed": func(j *Job) { j.Config.Seed++ },
	} {
		job := curveJob(t, "cpu")
		plant(job)
		if apart := furthest(curveOf(t, job), want); !(apart > curveTolerance) {
			t.Errorf("%s: losses are %.2g of themselves away, and nobody would see", what, apart)
		} else {
			t.Logf("%s: %.2g", what, apart)
		}
	}
}

// cutStream forgets the residual stream wherever a branch's output is added to it.
type cutStream struct{ kernels.Backend }

func (c cutStream) RMSNorm(a kernels.RMSNormArgs) {
	a.Residual = kernels.Tensor{}
	c.Backend.RMSNorm(a)
}

func curveJob(t *testing.T, name string) *Job {
	t.Helper()
	job := tinyJobOn(t, name, t.TempDir())
	job.Config.Steps, job.Config.BatchTokens, job.Config.MicroTokens, job.Config.SaveEvery = 50, 32, 32, 0
	job.Config.Rate = 5e-3                            // twice that, and rounding alone moves the curve by 2 %, on the CPU as well
	job.Model = llama(48, 32, 40, 2, 2, 1, 16, 10000) // heads of 16: the kernels with tensor cores
	job.Source = stairs(t)
	return job
}

func curveOf(t *testing.T, job *Job) (losses []float64) {
	t.Helper()
	job.Observe = func(r StepRecord) error { losses = append(losses, r.Loss); return nil }
	if _, err := job.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	return losses
}

// stairs are texts that go up by one from a random step: soon learned.
func stairs(t *testing.T) Source {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 7))
	var texts [][]int32
	for range 100 {
		text := []int32{0}
		for at := int32(1 + rng.IntN(20)); len(text) < 18; at++ {
			text = append(text, at)
		}
		texts = append(texts, text)
	}
	units, err := mix.NewUnits(texts, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mix.New([]mix.Part{{Name: "stairs", Source: units}}, mix.Options{Seed: 3, Length: 16, Budget: 32 * 50})
	if err != nil {
		t.Fatal(err)
	}
	return Packed(m)
}
