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
	// In Tezikas there are 3 bridges and 5 gates. Tezikas has a market with soap, wool, silk and glass. Behind Tezikas is the hill Karifar.
	// multiple-choice-thought | Does Tezikas have more bridges or more gates? | gates
	// free-form | What is sold in Tezikas? | soap, wool, silk and glass
	// free-form | Which hill is above Tezikas? | Karifar
}
