package mix_test

import (
	"fmt"
	"io"

	"github.com/primer-lm/primer/data/mix"
)

// Two sources in memory, mixed 2:1 by tokens into rows of four.
func Example() {
	raw, _ := mix.NewUnits([][]int32{{1, 10, 11, 12, 2}, {1, 13, 14, 15, 2}}, nil)
	tuning, _ := mix.NewUnits([][]int32{{1, 20, 21, 22, 2}}, nil)
	m, err := mix.New([]mix.Part{
		{Name: "raw", Source: raw, Weight: 2},
		{Name: "tuning", Source: tuning, Weight: 1},
	}, mix.Options{Seed: 1, Length: 4, Budget: 12})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := m.Stream()
	for {
		b, err := s.Next(1)
		if err == io.EOF {
			break
		}
		fmt.Println(b.Tokens, b.Targets, b.Starts)
	}
	for _, t := range s.Manifest().Sources {
		fmt.Printf("%s: %d units, %d tokens\n", t.Name, t.Units, t.Tokens)
	}
	// Output:
	// [1 13 14 15] [13 14 15 2] [0]
	// [2 1 20 21] [1 20 21 22] [1]
	// [22 2 1 10] [2 1 10 11] [2]
	// raw: 2 units, 7 tokens
	// tuning: 1 units, 5 tokens
}

// The paper's mixtures are files: copied beside one's own folders, they are read like any other.
func ExampleFindRecipe() {
	r, err := mix.FindRecipe("finance-instruct")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.About)
	for _, s := range r.Spec.Sources {
		fmt.Println(s.Name, s.Kind, s.Weight, s.Paths)
	}
	// Output:
	// Finance, Instruct: all texts converted to 3-shot examples; with general instructions, one token of the domain to two of general instructions.
	// augmented chains 1 [augmented]
	// general instructions 2 [instructions/lima instructions/wizardlm instructions/openorca]
}
