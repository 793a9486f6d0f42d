//go:build cuda && emulator

package cuda

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/generate"
)

// generateOnce opens a model and an engine, generates, and closes both.
func generateOnce(b kernels.Backend) ([]int32, error) {
	c := &model.Config{ModelType: model.Llama, VocabSize: 40, HiddenSize: 32, IntermediateSize: 48, NumHiddenLayers: 2, NumHeads: 2,
		NumKeyValueHeads: 1, HeadDim: 16, MaxPositions: 32, HiddenAct: "silu", RMSNormEps: 1e-5,
		Rope: model.Rope{Type: model.RopeDefault, Theta: 10000}, InitializerRange: 0.2}
	m, err := model.OpenFresh(b, c, 3, model.InferOptions{Tokens: 16, Docs: 2, PageSize: 8})
	if err != nil {
		return nil, err
	}
	defer m.Close()
	e, err := generate.New(m, generate.Options{})
	if err != nil {
		return nil, err
	}
	r, err := e.Generate(context.Background(), generate.Request{Prompt: []int32{1, 2, 3}, MaxNewTokens: 5})
	return r.Tokens, errors.Join(err, e.Close())
}

// Every allocation that opening a model and an engine takes fails once, for good: an error that says how much of what, nothing
// is left, and the device goes on.
func TestGenerationWithoutMemory(t *testing.T) {
	b := opened(t)
	defer standInFailAllocation(0, 0)
	live, _, _ := standInMemory()
	usage := b.Usage().Now
	kinds := map[string]bool{}
	for n := 1; ; n++ {
		standInFailAllocation(n, 2)
		tokens, err := generateOnce(b)
		standInFailAllocation(0, 0)
		if err := b.Sync(); err != nil {
			t.Errorf("after allocation %d failed: %v", n, err)
		}
		if now, size, _ := standInMemory(); now != live || b.Usage().Now != usage {
			t.Errorf("without allocation %d: %d allocations live, %d before, %d bytes; usage %v, before %v", n, now, live, size, b.Usage().Now, usage)
		}
		if err == nil {
			if len(tokens) != 5 || n < 6 {
				t.Errorf("%d allocations, tokens %v", n-1, tokens)
			}
			break
		}
		if !errors.Is(err, kernels.ErrOutOfMemory) {
			t.Errorf("without allocation %d: %v", n, err)
		}
		for kind := range kernels.NumMemoryKinds {
			if text := kind.String(); strings.Contains(err.Error(), "bytes of "+text) {
				kinds[text] = true
			}
		}
	}
	for _, kind := range []string{"weights", "inputs", "activations", "workspace", "cache"} {
		if !kinds[kind] {
			t.Errorf("no error named %s: %v", kind, kinds)
		}
	}
}
