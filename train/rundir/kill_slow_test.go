//go:build slow

package rundir

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/primer-lm/primer/internal/durable"
)

// killEnv makes the test binary a process that trains in its working directory and says what it saved.
const killEnv = "PRIMER_TEST_TRAIN"

func TestMain(m *testing.M) {
	if os.Getenv(killEnv) == "" {
		os.Exit(m.Run())
	}
	if err := train(durable.OS, func(step int64) { fmt.Println("saved", step) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A process that is killed again and again, at any moment, on the machine's own disk: nothing it acknowledged is lost, nothing is
// ever damaged or locked, and the metrics end as if it had run in one go.
func TestKill(t *testing.T) {
	const kills = 300
	rng := rand.New(rand.NewPCG(1, 2))
	killed, finished := 0, 0
	for killed < kills {
		t.Chdir(t.TempDir())
		acked := int64(0)
		for done := false; !done; {
			var out, errOut bytes.Buffer
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), killEnv+"=1")
			child.Stdout, child.Stderr = &out, &errOut
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(time.Duration(rng.IntN(120))*time.Millisecond, func() { child.Process.Kill() })
			err := child.Wait()
			timer.Stop()
			done = err == nil
			if !done {
				killed++
			}
			if errOut.Len() > 0 {
				t.Fatal(errOut.String())
			}
			if i := strings.LastIndex(out.String(), "saved "); i >= 0 {
				fmt.Sscanf(out.String()[i:], "saved %d", &acked)
			}
			checkKilled(t, acked)
		}
		finished++
		if err := metricsAre(durable.OS, lastStep); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d kills, %d runs finished", killed, finished)
}

// checkKilled looks at the newest checkpoint without going on.
func checkKilled(t *testing.T, acked int64) {
	t.Helper()
	run, err := Open("runs/a", testConfig, Options{Keep: 1})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := run.LoadNewest(load(durable.OS))
	if err := errors.Join(err, run.Close()); err != nil || loaded.Step < acked || len(loaded.Skipped) > 0 {
		t.Fatalf("step %d was acknowledged: %+v, %v", acked, loaded, err)
	}
}
