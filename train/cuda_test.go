//go:build cuda && emulator

package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cuda"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
)

// compiled makes a place for compiled kernels.
func compiled(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

// smallJob is tinyJob on the emulated device, with few steps: a micro-batch takes tens of milliseconds there.
func smallJob(t *testing.T, name, dir string, steps int64, math, recompute string) *Job {
	t.Helper()
	job := tinyJobOn(t, name, dir)
	job.Config.Steps, job.Config.SaveEvery, job.Config.Math, job.Config.Recompute = steps, 2, math, recompute
	return job
}

// stopAt runs a job until a step is done and saved.
func stopAt(t *testing.T, job *Job, step int64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	job.Observe = func(r StepRecord) error {
		if r.Step == step {
			cancel()
		}
		return nil
	}
	if _, err := job.Run(ctx); !errors.Is(err, ErrInterrupted) {
		t.Fatalf("stopping at %d: %v", step, err)
	}
	job.Observe, job.Source = nil, tinySource(t)
}

// Training runs end to end on the device, in both dtypes and with layers computed again: it learns, saves, is interrupted, and
// goes on to the same losses and weights, bit for bit.
func TestTrainsAndResumesOnCUDA(t *testing.T) {
	compiled(t)
	for math, recompute := range map[string]string{MathBF16: "layer", MathF32: "none"} {
		whole := smallJob(t, "cuda:0", t.TempDir(), 6, math, recompute)
		res, err := whole.Run(context.Background())
		if err != nil || res.Step != 6 {
			t.Fatalf("%s: %+v, %v", math, res, err)
		}
		cut := smallJob(t, "cuda:0", t.TempDir(), 6, math, recompute)
		stopAt(t, cut, 3)
		again, err := cut.Run(context.Background())
		if err != nil || again.Resumed != 3 {
			t.Fatalf("%s: %+v, %v", math, again, err)
		}
		want, got := losses(t, whole.Dir), losses(t, cut.Dir)
		if strings.Join(got, " ") != strings.Join(want, " ") || !bytes.Equal(weightsOf(t, again.Checkpoint), weightsOf(t, res.Checkpoint)) {
			t.Errorf("%s: resumed, the losses are %v, uninterrupted %v", math, got, want)
		}
		if first, last := number(t, want[0]), number(t, want[5]); !(last < first-0.03) {
			t.Errorf("%s: loss %v at first, %v after six steps", math, first, last)
		}
	}
}

func number(t *testing.T, loss string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(loss, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestNotFiniteStopsOnCUDA(t *testing.T) { compiled(t); notFinite(t, "cuda:0") }

// Within a step nothing is waited for: neither stream nor context is synchronised, no copy blocks, and the one event that is
// waited for is the outcome of the step before. Nothing is allocated.
func TestNothingIsWaitedForInsideAStep(t *testing.T) {
	compiled(t)
	job := smallJob(t, "cuda:0", t.TempDir(), 6, MathBF16, "none")
	job.Config.SaveEvery, job.Config.BatchTokens, job.Config.MicroTokens = 0, 96, 16 // six micro-batches a step
	type waits struct{ all, events, made int }
	var seen []waits
	job.Observe = func(StepRecord) error {
		all, events := cuda.StandInWaits()
		_, _, made := cuda.StandInMemory()
		seen = append(seen, waits{all, events, made})
		return nil
	}
	if _, err := job.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(seen); i++ {
		d := waits{seen[i].all - seen[i-1].all, seen[i].events - seen[i-1].events, seen[i].made - seen[i-1].made}
		if d.all != 0 || d.events > 1 || d.made != 0 {
			t.Errorf("step %d: %d waits for everything, %d for events (one is the outcome's), %d allocations", i+1, d.all, d.events, d.made)
		}
	}
}

// What is planned is what is held at the peak, kind by kind, the backend's own included; and what the backend counts is what the
// driver has given.
func TestPlanIsThePeakOnCUDA(t *testing.T) {
	compiled(t)
	for _, recompute := range []string{"none", "layer"} {
		t.Run(recompute, func(t *testing.T) { planIsThePeak(t, recompute) })
	}
}

func planIsThePeak(t *testing.T, recompute string) {
	job := smallJob(t, "cuda:0", t.TempDir(), 2, MathBF16, recompute)
	plan, err := model.NewPlan(job.Backend, job.Model, job.Options())
	if err != nil {
		t.Fatal(err)
	}
	job.Observe = func(StepRecord) error {
		counted := int64(0)
		for _, n := range job.Backend.Usage().Now {
			counted += n
		}
		if _, given, _ := cuda.StandInMemory(); int64(given) != counted {
			t.Errorf("%d bytes are counted, the driver has given %d", counted, given)
		}
		return nil
	}
	if _, err := job.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	total, peak := plan.Total(), int64(0)
	for k, measured := range job.Backend.Usage().Peak {
		kind := kernels.MemoryKind(k)
		if err := math.Abs(float64(plan.Kind(kind) - measured)); !(err <= 0.05*float64(measured)) {
			t.Errorf("%d bytes of %v at the peak, planned %d", measured, kind, plan.Kind(kind))
		}
		peak += measured
	}
	if plan.Held[kernels.MemWorkspace] < 96<<20 || !(math.Abs(float64(total-peak)) <= 0.05*float64(peak)) {
		t.Errorf("%d bytes planned, %d at the peak; %v held by the backend", total, peak, plan.Held)
	}
}

// A checkpoint of one device goes on, on the other, to losses that differ by rounding only, and says so.
func TestCheckpointsMoveBetweenDevices(t *testing.T) {
	compiled(t)
	whole := smallJob(t, "cpu", t.TempDir(), 6, MathF32, "none")
	if _, err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := losses(t, whole.Dir)
	for from, to := range map[string]string{"cpu": "cuda:0", "cuda:0": "cpu"} {
		dir := t.TempDir()
		stopAt(t, smallJob(t, from, dir, 6, MathF32, "none"), 3)
		job := smallJob(t, to, dir, 6, MathF32, "none")
		var log strings.Builder
		job.Log = &log
		res, err := job.Run(context.Background())
		kind, _, _ := strings.Cut(from, ":")
		if err != nil || res.Resumed != 3 || !strings.Contains(log.String(), "it was computed on "+kind+": on "+to) {
			t.Fatalf("%s to %s: %+v, %v\n%s", from, to, res, err, &log)
		}
		for i, loss := range losses(t, dir) {
			if got := number(t, loss); !(math.Abs(got-number(t, want[i])) < 2e-5) {
				t.Errorf("%s to %s: loss %v at step %d, %v on the CPU alone", from, to, got, i+1, number(t, want[i]))
			}
		}
	}
}

// Every allocation of opening and training fails once, for good: the error says out of memory, and of what; nothing is left; the
// run's checkpoint is whole, and the run goes on from it.
func TestTrainingWithoutMemory(t *testing.T) {
	compiled(t)
	dir := t.TempDir()
	stopAt(t, smallJob(t, "cpu", dir, 4, MathBF16, "none"), 3)
	saved := weightsOf(t, filepath.Join(dir, "checkpoints", "step-3"))
	t.Cleanup(func() { cuda.StandInFailAllocation(0, 0) })
	n := 1
	for ; ; n++ {
		cuda.StandInFailAllocation(n, 2) // the backend makes room and tries again
		err := trainWithoutMemory(t, dir)
		cuda.StandInFailAllocation(0, 0)
		if live, size, _ := cuda.StandInMemory(); live != 0 {
			t.Fatalf("without allocation %d: %v; %d allocations of %d bytes are left", n, err, live, size)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, kernels.ErrOutOfMemory) || !saysOfWhat(err) {
			t.Errorf("without allocation %d: %v", n, err)
		}
		if !bytes.Equal(saved, weightsOf(t, filepath.Join(dir, "checkpoints", "step-3"))) {
			t.Fatalf("without allocation %d the checkpoint has changed", n)
		}
	}
	if n < 20 {
		t.Errorf("a run makes %d allocations only", n-1)
	}
	if got := losses(t, dir); len(got) != 4 {
		t.Errorf("the run has %d steps", len(got))
	}
}

func trainWithoutMemory(t *testing.T, dir string) error {
	b, err := device.Open("cuda:0")
	if err != nil {
		return err
	}
	job := smallJob(t, "cpu", dir, 4, MathBF16, "none")
	job.Backend = b
	_, err = job.Run(context.Background())
	return errors.Join(err, b.Close())
}

func saysOfWhat(err error) bool {
	for _, what := range []string{"bytes of weights", "bytes of gradients", "bytes of optimizer", "bytes of activations", "bytes of workspace",
		"bytes of inputs", "bytes of staging", "bytes of pinned host memory", "loading the kernels of", "cuBLASLt"} {
		if strings.Contains(err.Error(), what) {
			return true
		}
	}
	return false
}
