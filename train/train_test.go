package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mix"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/device"
	"github.com/primer-lm/primer/model"
	"github.com/primer-lm/primer/model/hf"
	"github.com/primer-lm/primer/train/rundir"
)

// tinyJob is a run of twelve steps with everything on: two micro-batches a step, dropout, clipping, shuffled data.
func tinyJob(t testing.TB, dir string) *Job { return tinyJobOn(t, "cpu", dir) }

// tinyJobOn is tinyJob on a device.
func tinyJobOn(t testing.TB, name, dir string) *Job {
	t.Helper()
	b, err := device.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := common()
	cfg.Recipe, cfg.Steps, cfg.BatchTokens, cfg.SeqLen, cfg.MicroTokens = "test", 12, 64, 16, 32
	cfg.Rate, cfg.Warmup, cfg.SaveEvery, cfg.Math, cfg.Keep = 1e-2, 3, 4, MathF32, 3
	return &Job{Config: cfg, Model: llama(48, 16, 40, 2, 2, 1, 16, 10000), Init: func(m *model.Trainer) error { return m.Initialize(cfg.Seed) },
		Source: tinySource(t), Backend: b, Dir: dir}
}

func tinySource(t testing.TB) Source {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var texts [][]int32
	for range 90 {
		text := []int32{0}
		for range 5 + rng.IntN(20) {
			text = append(text, int32(1+rng.IntN(8)*5+len(text)%5))
		}
		texts = append(texts, text)
	}
	units, err := mix.NewUnits(texts, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mix.New([]mix.Part{{Name: "units", Source: units}}, mix.Options{Seed: 3, Length: 16, Budget: 64 * 12})
	if err != nil {
		t.Fatal(err)
	}
	return Packed(m)
}

// losses reads a run's metrics: every step once, in order.
func losses(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	if err := rundir.ReadMetrics(durable.OS, dir, func(s rundir.Step) error {
		if s.Step != int64(len(out)+1) {
			t.Errorf("step %d stands as line %d", s.Step, len(out)+1)
		}
		out = append(out, fmt.Sprintf("%x", s.Loss))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func weightsOf(t testing.TB, folder string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, hf.SingleName))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRunLearnsSavesAndEnds(t *testing.T) {
	job := tinyJob(t, t.TempDir())
	var first float64
	job.Observe = func(r StepRecord) error {
		if r.Step == 1 {
			first = r.Loss
		}
		return nil
	}
	res, err := job.Run(context.Background())
	if err != nil || res.Step != 12 || res.Position.Tokens != 64*12 || !(res.Loss < first-0.1) {
		t.Fatalf("%+v, %v; first loss %v", res, err, first)
	}
	folder, err := hf.OpenFolder(res.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Error(err)
	}
	raw, err := os.ReadFile(filepath.Join(job.Dir, "mixture.json"))
	if err != nil {
		t.Fatal(err)
	}
	var taken struct {
		Step, Tokens int64
		Data         mix.Manifest
	}
	if err := json.Unmarshal(raw, &taken); err != nil || taken.Step != 12 || taken.Tokens != 64*12 || taken.Data.Tokens != 64*12 ||
		len(taken.Data.Sources) != 1 || taken.Data.Sources[0].Tokens != 64*12 || taken.Data.Sources[0].Share != 1 {
		t.Errorf("mixture.json: %v, %s", err, raw)
	}
	job.Source = tinySource(t)
	again, err := job.Run(context.Background())
	if err != nil || !again.Nothing || again.Step != 12 || again.Checkpoint != res.Checkpoint {
		t.Errorf("the same run again: %+v, %v", again, err)
	}
}

// Whatever step a run was stopped at, it goes on to the same losses and the same weights, bit for bit.
func TestResumeFromEveryStepIsBitExact(t *testing.T) {
	whole := tinyJob(t, t.TempDir())
	res, err := whole.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want, weights := losses(t, whole.Dir), weightsOf(t, res.Checkpoint)
	for stop := int64(1); stop < 12; stop++ {
		job := tinyJob(t, t.TempDir())
		ctx, cancel := context.WithCancel(context.Background())
		job.Observe = func(r StepRecord) error {
			if r.Step == stop {
				cancel()
			}
			return nil
		}
		if _, err := job.Run(ctx); !errors.Is(err, ErrInterrupted) {
			t.Fatalf("stop at %d: %v", stop, err)
		}
		job.Source, job.Observe = tinySource(t), nil
		res, err := job.Run(context.Background())
		if err != nil || res.Resumed != stop {
			t.Fatalf("resume at %d: %+v, %v", stop, res, err)
		}
		if got := losses(t, job.Dir); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("stopped at %d: losses %v, want %v", stop, got, want)
		}
		if !bytes.Equal(weightsOf(t, res.Checkpoint), weights) {
			t.Errorf("stopped at %d: other weights", stop)
		}
	}
}

// A crash loses the steps behind the last checkpoint; a damaged checkpoint falls back to the one before, and says so.
func TestACrashAndADamagedCheckpointFallBack(t *testing.T) {
	whole := tinyJob(t, t.TempDir())
	if _, err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := losses(t, whole.Dir)
	crash := errors.New("crash")
	job := tinyJob(t, t.TempDir())
	job.Observe = func(r StepRecord) error {
		if r.Step == 10 {
			return crash
		}
		return nil
	}
	if _, err := job.Run(context.Background()); !errors.Is(err, crash) {
		t.Fatal(err)
	}
	newest := filepath.Join(job.Dir, "checkpoints", "step-8", hf.SingleName)
	raw, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(newest, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	job.Source, job.Observe, job.Log = tinySource(t), nil, &log
	res, err := job.Run(context.Background())
	if err != nil || res.Resumed != 4 {
		t.Fatalf("%+v, %v", res, err)
	}
	if !strings.Contains(log.String(), "step 8 is damaged") || !strings.Contains(log.String(), "going on from step 4") {
		t.Errorf("log: %s", log.String())
	}
	if got := losses(t, job.Dir); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("losses %v, want %v", got, want)
	}
}

func TestNotFiniteStopsAndNamesTheTensor(t *testing.T) { notFinite(t, "cpu") }

// notFinite spoils a weight behind step 4, when the gradients of step 5 are already under way: step 5 stands, step 6 is not
// finite. It is named with the tensor, and neither it nor what was issued behind it has written anything.
func notFinite(t *testing.T, device string) {
	job := tinyJobOn(t, device, t.TempDir())
	job.Config.SaveEvery = 2
	m, err := job.open()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := job.Init(m); err != nil {
		t.Fatal(err)
	}
	saved, good := int64(0), [][]byte(nil)
	hooks := Hooks{
		Step: func(r StepRecord) error {
			if r.Step == 4 {
				i, _, _ := m.Flat().Find("model.layers.1.mlp.down_proj.weight")
				m.Backend().Fill(kernels.FillArgs{Dst: m.Flat().Tensor(m.State().Master, i).Reshape(16*40).Rows(7, 1), Value: math.Inf(1)})
			}
			good = stateBytes(t, m)
			return nil
		},
		Save: func(at Position) error { saved = at.Step; return nil },
	}
	at, err := Loop(context.Background(), job.Config, m, job.Source, Position{}, hooks)
	if !errors.Is(err, ErrNotFinite) || !strings.Contains(err.Error(), "step 6: the gradient of model.embed_tokens.weight") || at.Step != 5 || saved != 4 {
		t.Errorf("step %d, saved %d, %v", at.Step, saved, err)
	}
	for i, now := range stateBytes(t, m) {
		if !bytes.Equal(now, good[i]) {
			t.Errorf("tensor %d of the state has changed since step 5", i)
		}
	}
}

// stateBytes is weights and moments, to the bit.
func stateBytes(t testing.TB, m *model.Trainer) (all [][]byte) {
	t.Helper()
	s := m.State()
	for _, x := range []kernels.Tensor{s.Master, s.M, s.V, s.Shadow} {
		if x.IsZero() {
			continue
		}
		raw := make([]byte, x.Bytes())
		if err := m.Backend().Read(raw, x); err != nil {
			t.Fatal(err)
		}
		all = append(all, raw)
	}
	return all
}

func TestRunRefusesWhatDoesNotBelong(t *testing.T) {
	job := tinyJob(t, t.TempDir())
	if _, err := job.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	other := tinyJob(t, job.Dir)
	other.Config.Rate = 5e-3
	if _, err := other.Run(context.Background()); !errors.Is(err, rundir.ErrOtherConfig) || !strings.Contains(err.Error(), "rate") {
		t.Errorf("another rate: %v", err)
	}
	other.Fresh = true
	if res, err := other.Run(context.Background()); err != nil || res.Resumed != 0 || res.Step != 12 {
		t.Errorf("fresh: %+v, %v", res, err)
	}
	if _, err := os.Stat(job.Dir + ".old-1"); errors.Is(err, fs.ErrNotExist) {
		t.Error("the old run is gone")
	}
	short := tinyJob(t, t.TempDir())
	short.Config.Steps = 20
	if _, err := short.Run(context.Background()); !errors.Is(err, ErrDataEnded) {
		t.Errorf("data for 12 of 20 steps: %v", err)
	}
}

// starved is a source that gives the steps it has, then nothing until the run is told to stop.
type starved struct {
	Source
	steps int
	stop  context.Context
}

func (s *starved) Step(batchTokens, microTokens int64) ([]*data.Batch, error) {
	if s.steps == 0 {
		<-s.stop.Done()
		return nil, s.stop.Err()
	}
	s.steps--
	return s.Source.Step(batchTokens, microTokens)
}

// A run that is told to stop while it waits for data finishes and saves the step under way.
func TestInterruptedWhileWaitingForData(t *testing.T) {
	job := tinyJob(t, t.TempDir())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	job.Source = &starved{Source: job.Source, steps: 5, stop: ctx}
	job.Observe = func(r StepRecord) error {
		if r.Step == 4 {
			go cancel() // step 5 is under way, and there is no data for step 6
		}
		return nil
	}
	res, err := job.Run(ctx)
	if !errors.Is(err, ErrInterrupted) || res.Step < 4 || res.Step > 5 || !strings.HasSuffix(res.Checkpoint, fmt.Sprintf("step-%d", res.Step)) {
		t.Fatalf("%+v, %v", res, err)
	}
	job.Source, job.Observe = tinySource(t), nil
	if again, err := job.Run(context.Background()); err != nil || again.Resumed != res.Step {
		t.Errorf("%+v, %v", again, err)
	}
}

// broken is a source that fails behind the steps it has.
type broken struct {
	Source
	steps int
}

var errBroken = errors.New("line 7 is broken")

func (s *broken) Step(batchTokens, microTokens int64) ([]*data.Batch, error) {
	if s.steps == 0 {
		return nil, errBroken
	}
	s.steps--
	return s.Source.Step(batchTokens, microTokens)
}

// What was trained before the data broke is saved, and goes on from there once the data is whole.
func TestBrokenDataLosesNoStep(t *testing.T) {
	whole := tinyJob(t, t.TempDir())
	if _, err := whole.Run(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, steps := range []int{5, 8} { // between two checkpoints, and behind one that was due
		job := tinyJob(t, t.TempDir())
		job.Source = &broken{Source: job.Source, steps: steps}
		res, err := job.Run(context.Background())
		if !errors.Is(err, errBroken) || !strings.HasSuffix(res.Checkpoint, fmt.Sprintf("step-%d", steps)) {
			t.Fatalf("%+v, %v", res, err)
		}
		job.Source = tinySource(t)
		if again, err := job.Run(context.Background()); err != nil || again.Resumed != int64(steps) {
			t.Errorf("%+v, %v", again, err)
		}
		if got, want := losses(t, job.Dir), losses(t, whole.Dir); !slices.Equal(got, want) {
			t.Errorf("losses %v, without the break %v", got, want)
		}
	}
}
