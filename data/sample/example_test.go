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
	// In Daviden there are 3 bridges and 5 gates. Daviden has a market with soap, wool, silk and glass. Behind Daviden is the hill Megibel.
	// multiple-choice-thought | Does Daviden have more bridges or more gates? | gates
	// free-form | What is sold in Daviden? | soap, wool, silk and glass
	// free-form | Which hill is above Daviden? | Megibel
}
