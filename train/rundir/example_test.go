package rundir_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/train/rundir"
)

// The same function makes a run and goes on with it: the second call finds the checkpoint of step 4 and cuts the line of
// step 5, which had none.
func ExampleOpen() {
	tmp, err := os.MkdirTemp("", "rundir")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	dir := filepath.Join(tmp, "run")
	for _, until := range []int64{5, 6} {
		from, err := steps(dir, until)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("trained from step", from, "to", until)
	}
	err = rundir.ReadMetrics(durable.OS, dir, func(s rundir.Step) error {
		_, err := fmt.Print(s.Step, ":", s.Loss, " ")
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = rundir.Open(dir, []byte("rate = 0.5\n"), rundir.Options{})
	fmt.Println(errors.Is(err, rundir.ErrOtherConfig))
	// Output:
	// trained from step 1 to 5
	// trained from step 5 to 6
	// 1:0.5 2:0.25 3:0.125 4:0.0625 5:0.03125 6:0.015625 true
}

// steps halves a weight at every step, saves it every second one, and stops as a process that was killed would: with no
// status and no last checkpoint.
func steps(dir string, until int64) (from int64, err error) {
	run, err := rundir.Open(dir, []byte("rate = 0.25\n"), rundir.Options{Keep: 1})
	if err != nil {
		return 0, err
	}
	defer run.Close()
	weight := 1.0
	loaded, err := run.LoadNewest(func(c rundir.Checkpoint) error {
		raw, err := os.ReadFile(filepath.Join(c.Dir, "weight"))
		if err != nil {
			return err
		}
		_, err = fmt.Sscan(string(raw), &weight)
		return err
	})
	if err != nil {
		return 0, err
	}
	if err := run.Begin(loaded.Step); err != nil {
		return 0, err
	}
	for step := loaded.Step + 1; step <= until; step++ {
		weight /= 2
		if err := run.LogStep(rundir.Step{Step: step, Loss: weight, Tokens: 1}); err != nil {
			return 0, err
		}
		if step%2 != 0 {
			continue
		}
		err := run.SaveCheckpoint(step, func(d *durable.Dir) error {
			return d.WriteFile("weight", func(w io.Writer) error { _, err := fmt.Fprintln(w, weight); return err })
		})
		if err != nil {
			return 0, err
		}
	}
	return loaded.Step + 1, nil
}
