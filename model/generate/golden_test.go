package generate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
)

// Greedy tokens are those of transformers, for every golden model: from a whole prompt, and of several at once in a cache that is too
// small for all of them.
func TestGreedyIsTransformers(t *testing.T) {
	dirs, err := filepath.Glob("../testdata/goldens/*/golden.json")
	if err != nil || len(dirs) < 7 {
		t.Fatalf("%d goldens, %v", len(dirs), err)
	}
	b := openCPU(t)
	for _, path := range dirs {
		var golden struct{ Prompt, Greedy []int32 }
		raw, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(raw, &golden)
		}
		if err != nil || len(golden.Greedy) < 10 {
			t.Fatalf("%s: %d greedy tokens, %v", path, len(golden.Greedy), err)
		}
		folder, err := hf.OpenFolder(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		m, err := model.Open(b, folder.Config, folder, model.InferOptions{Tokens: 16, Docs: 4, Math: kernels.F32, PageSize: 5})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		whole := len(golden.Prompt) + len(golden.Greedy)
		e, err := New(m, Options{CacheTokens: int64(whole + whole/2)})
		if err != nil {
			t.Fatal(err)
		}
		r := Request{Prompt: golden.Prompt, MaxNewTokens: len(golden.Greedy)}
		for i, res := range append(alone(t, e, []Request{r}), together(t, e, []Request{r, r, r})...) {
			if !slices.Equal(res.Tokens, golden.Greedy) {
				t.Errorf("%s, request %d: %v, transformers has %v", path, i, res.Tokens, golden.Greedy)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}
