package sample_test

import (
	"fmt"

	"github.com/primer-lm/primer/data/sample"
)

func ExampleNewWorld() {
	world := sample.NewWorld(1, sample.Options{})
	e := world.Tuning(sample.Train)[0]
	fmt.Println(e.Text)
	for _, p := range e.Pairs {
		fmt.Println(p.Format(), "|", p.Instruction, "|", p.Response)
	}
	// Output:
	// In Fekilus there are 3 bridges and 5 gates. Fekilus has a market with soap, wool, silk and glass. Behind Fekilus is the hill Balolam.
	// multiple-choice-thought | Does Fekilus have more bridges or more gates? | gates
	// free-form | What is sold in Fekilus? | soap, wool, silk and glass
	// free-form | Which hill is above Fekilus? | Balolam
}
