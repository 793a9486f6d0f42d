package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/primer-lm/primer/data"
)

// The quickstart's figures (bench/results/quickstart-seeds.md) were measured with the
// small set. Whoever changes it measures them again, and then writes the new hash here.
func TestSmallSetIsTheOneThatWasMeasured(t *testing.T) {
	h := sha256.New()
	for i := range 600 {
		c := data.Chain{ID: fmt.Sprint("chain ", i)}
		for e := range 1 + i%3 {
			ex := data.Example{Document: data.Document{Text: fmt.Sprint("Text ", e)}}
			for p := range 1 + (i/3+e)%4 {
				pair := data.Pair{Instruction: fmt.Sprintf("Ask %d?", p), Response: "yes"}
				if p%2 == 1 {
					pair.Options = []string{"yes", "no", "perhaps"}
				}
				if p >= 2 {
					pair.Thought = "As it says."
				}
				ex.Pairs = append(ex.Pairs, pair)
			}
			c.Examples = append(c.Examples, ex)
		}
		r := Small().Render(&c, uint64(i%5))
		fmt.Fprintf(h, "%s\x00%s\x00", r.Text, r.Layout)
	}
	const want = "ff31cd39a20ba84ed5d5f90e4298b9e6a563feddaf76e0d9afebae1a5a3fcc55"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}
