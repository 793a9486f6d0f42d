package model_test

import (
	"errors"
	"math"
	"testing"

	"github.com/primer-lm/primer/model"
)

// What a step draws is what its logits say: the token that is given, the one that edits leave, the tops in order. What it cannot take is
// refused before anything is issued.
func TestStepDraws(t *testing.T) {
	g := openGolden(t, "llama-gqa-odd")
	for _, b := range backends(t) {
		m := openModel(t, b, g)
		cache := newCache(t, m, 1)
		logits := cache.run(chunk{0, 0, []int32{5}})[0]
		best := argmax(logits)
		in := func(draw model.Draw, top int) *model.StepInput {
			in := &model.StepInput{Tokens: []int32{5}, Positions: []int32{0}, CuLens: []int32{0, 1}, Lens: []int32{1}, Slots: []int64{0},
				PageTable: []int32{0}, Rows: []int32{0}, Draws: []model.Draw{draw}, Top: top, K: cache.k, V: cache.v}
			return in
		}
		given := (best + 1) % int32(len(logits))
		forbidden := []model.Edit{{Token: best, Factor: 1, Add: float32(math.Inf(-1))}}
		for name, draw := range map[string]model.Draw{"greedy": {}, "given": {Given: true, Token: given}, "edited": {Edits: forbidden}} {
			if _, err := m.Step(in(draw, 2)); err != nil {
				t.Fatal(err)
			}
			got, err := m.Drawn()
			if err != nil || got.Top != 2 || len(got.TopTokens) != 2 || got.TopTokens[0] != best {
				t.Fatalf("%s on %s: %+v, %v", name, b.Name(), got, err)
			}
			want := map[string]int32{"greedy": best, "given": given, "edited": got.TopTokens[1]}[name]
			if p := -nll(logits, want); got.Tokens[0] != want || !(math.Abs(float64(got.LogProbs[0])-p) < 1e-5) {
				t.Errorf("%s on %s: %d at %v, want %d at %v", name, b.Name(), got.Tokens[0], got.LogProbs[0], want, p)
			}
		}
		follow := in(model.Draw{}, 0) // behind edits: the host does not know yet what to edit
		follow.Follow = true
		many := make([]model.Edit, m.MaxEdits()+1)
		for name, bad := range map[string]*model.StepInput{"given outside": in(model.Draw{Given: true, Token: int32(len(logits))}, 0),
			"many tops": in(model.Draw{}, model.MaxTop+1), "tops below 0": in(model.Draw{}, -1), "many edits": in(model.Draw{Edits: many}, 0), "follows edits": follow} {
			if name == "follows edits" {
				if _, err := m.Step(in(model.Draw{Edits: forbidden}, 0)); err != nil {
					t.Fatal(err)
				}
				if _, err := m.Drawn(); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := m.Step(bad); !errors.Is(err, model.ErrBatch) {
				t.Errorf("%s on %s: %v", name, b.Name(), err)
			}
		}
	}
}
