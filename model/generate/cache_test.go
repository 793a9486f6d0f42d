package generate

import (
	"context"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// A cache in bf16 under products in f32 takes half the memory. Its answers are near those of an f32 cache, and as little as
// those do they depend on company.
func TestCacheOfAnotherType(t *testing.T) {
	b := openCPU(t)
	prompts := [][]int32{{1, 2, 3, 4, 5}, {1, 2, 3, 9}, {7}, {1, 2, 3, 4, 6, 8, 2}}
	run := func(dtype kernels.DType, together bool) (out []Result, bytes int64) {
		m := random(t, b, model.InferOptions{Tokens: 16, Docs: 4, PageSize: 4, Cache: dtype})
		e := engine(t, b, model.InferOptions{Tokens: 16, Docs: 4, PageSize: 4, Cache: dtype}, Options{CacheTokens: 128})
		out = make([]Result, len(prompts))
		var work sync.WaitGroup
		for i, p := range prompts {
			one := func() {
				var err error
				if out[i], err = e.Generate(context.Background(), Request{Prompt: p, MaxNewTokens: 12}); err != nil {
					t.Error(err)
				}
			}
			if together {
				work.Go(one)
			} else {
				one()
			}
		}
		work.Wait()
		return out, m.CacheType().Size()
	}
	full, wide := run(kernels.F32, false)
	half, narrow := run(kernels.BF16, false)
	again, _ := run(kernels.BF16, true)
	if wide != 2*narrow {
		t.Errorf("positions of %d and %d bytes", wide, narrow)
	}
	same := true
	for i := range prompts {
		if !slices.Equal(half[i].Tokens, again[i].Tokens) || !slices.Equal(half[i].LogProbs, again[i].LogProbs) {
			t.Errorf("prompt %d: %v alone, %v in company", i, half[i], again[i])
		}
		if a, c := full[i].LogProbs[0], half[i].LogProbs[0]; !(math.Abs(float64(a-c)) < 0.02) {
			t.Errorf("prompt %d: %v with an f32 cache, %v with bf16", i, a, c)
		}
		same = same && slices.Equal(full[i].LogProbs, half[i].LogProbs)
	}
	if same {
		t.Error("the dtype of the cache changes nothing")
	}
}

func TestCacheTypesThatCannotBe(t *testing.T) {
	b := openCPU(t)
	c := testConfig()
	trainer, err := model.OpenTrainer(b, c, model.Options{Tokens: 2, Math: kernels.F32})
	if err != nil {
		t.Fatal(err)
	}
	defer trainer.Close()
	if m, err := trainer.Inference(model.InferOptions{Tokens: 4, PageSize: 4, Cache: kernels.F16}); err == nil {
		m.Close()
		t.Error("a cache in f16 opens")
	}
}
