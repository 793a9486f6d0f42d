package generate

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
)

// bench15M is a model of 15M parameters.
func bench15M() *model.Config {
	return &model.Config{ModelType: model.Llama, VocabSize: 32000, HiddenSize: 288, IntermediateSize: 768, NumHiddenLayers: 6, NumHeads: 6,
		NumKeyValueHeads: 6, HeadDim: 48, MaxPositions: 256, HiddenAct: "silu", RMSNormEps: 1e-5, TieWordEmbeddings: true,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.02}
}

// BenchmarkScore is multiple choice: questions of 100 tokens with four answers of 8 each, by whole forward passes and by the engine.
func BenchmarkScore(b *testing.B) {
	var asked []ScoreRequest
	for i := range int32(64) {
		r := ScoreRequest{Prompt: make([]int32, 100), Continuation: make([]int32, 8)}
		r.Prompt[0], r.Continuation[0] = i/4, i%4
		asked = append(asked, r)
	}
	m, err := model.OpenFresh(openDevice(b, "cpu"), bench15M(), 1, model.InferOptions{Tokens: 1024, Docs: 16, Math: kernels.BF16, PageSize: 16})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	run := func(name string, s interface {
		Score(context.Context, []ScoreRequest) ([]ScoreResult, error)
	}) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				for i := range asked { // another round's questions
					asked[i].Prompt[1]++
				}
				if _, err := s.Score(context.Background(), asked); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(asked))/b.Elapsed().Seconds(), "requests/s")
		})
	}
	run("whole passes", Batched{Model: m, Tokens: 1024, Docs: 16})
	e, err := New(m, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	run("engine", e)
}

// BenchmarkEngine is decoding as synthesis does it: requests side by side behind short prompts, 15M parameters in bf16.
func BenchmarkEngine(b *testing.B) {
	c := bench15M()
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
