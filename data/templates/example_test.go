package templates_test

import (
	"fmt"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/templates"
)

// One chain becomes one text; the spans say what in it came from the chain.
func ExampleSet_Render() {
	chain := data.Chain{ID: "a", Examples: []data.Example{{
		Document: data.Document{Text: "Iron rusts."},
		Pairs:    []data.Pair{{Instruction: "What does iron do?", Response: "It rusts."}},
	}}}
	r := templates.Default().Render(&chain, 1)
	for _, s := range r.Spans {
		fmt.Printf("%s: %s\n", s.Part, r.Text[s.Start:s.End])
	}
	// Output:
	// text: Iron rusts.
	// instruction: What does iron do?
	// response: It rusts.
}
