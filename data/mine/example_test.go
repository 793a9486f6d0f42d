package mine_test

import (
	"fmt"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mine"
)

func ExampleMiner_Mine() {
	m, err := mine.New(mine.Options{Seed: 1, Kinds: []mine.Kind{mine.Definition}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ex := m.Mine(&data.Document{ID: "a", Text: "A lathe is a machine that turns a piece of wood against a blade."})
	for _, p := range ex.Pairs {
		fmt.Println(p.Instruction)
		fmt.Println(p.Response)
	}
	// Output:
	// Which term fits this description? A machine that turns a piece of wood against a blade.
	// lathe
}
