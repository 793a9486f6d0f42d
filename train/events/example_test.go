package events_test

import (
	"fmt"
	"log"
	"os"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/train/events"
)

// One writer a start of the program, in the same folder: a run that goes on says from which step, and the points that the
// earlier start wrote from there on no longer count.
func ExampleCreate() {
	dir, err := os.MkdirTemp("", "events")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	write(dir, 1, []float32{4, 3, 2.5})
	write(dir, 3, []float32{2, 1.5}) // from the checkpoint of step 2
	curve, err := events.ReadFolder(durable.OS, dir)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range curve {
		fmt.Println(e.Step, e.Scalars)
	}
	// Output:
	// 1 [{train/loss 4}]
	// 2 [{train/loss 3}]
	// 3 [{train/loss 2}]
	// 4 [{train/loss 1.5}]
}

func write(dir string, step int64, losses []float32) {
	w, err := events.Create(durable.OS, dir, step, events.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for i, loss := range losses {
		if err := w.Scalars(step+int64(i), events.Scalar{Name: "train/loss", Value: loss}); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
}
