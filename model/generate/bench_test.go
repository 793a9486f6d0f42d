package generate

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// BenchmarkEngine is decoding as synthesis does it: requests side by side behind short prompts, 15M parameters in bf16.
func BenchmarkEngine(b *testing.B) {
	c := &model.Config{ModelType: model.Llama, VocabSize: 32000, HiddenSize: 288, IntermediateSize: 768, NumHiddenLayers: 6, NumHeads: 6,
		NumKeyValueHeads: 6, HeadDim: 48, MaxPositions: 256, HiddenAct: "silu", RMSNormEps: 1e-5, TieWordEmbeddings: true,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.02}
	for _, seqs := range []int{1, 16} {
		b.Run(fmt.Sprintf("seqs=%d", seqs), func(b *testing.B) {
			m, err := model.OpenFresh(openDevice(b, "cpu"), c, 1, model.InferOptions{Tokens: 128, Docs: int64(seqs), Math: kernels.BF16, PageSize: 16})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			e, err := New(m, Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			const tokens = 100
			for b.Loop() {
				var all sync.WaitGroup
				for i := range seqs {
					all.Go(func() {
						if _, err := e.Generate(context.Background(), Request{Prompt: []int32{int32(i), 2, 3, 4}, MaxNewTokens: tokens}); err != nil {
							b.Error(err)
						}
					})
				}
				all.Wait()
			}
			b.ReportMetric(float64(b.N*seqs*tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
