package rundir

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/durable/crashfs"
	"github.com/primer-lm/primer/train/events"
)

func none(int64) {}

// On the machine's disk: train, be refused what must be refused, go on with nothing to do, start anew.
func TestOnDisk(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := train(durable.OS, none); err != nil {
		t.Fatal(err)
	}
	if err := metricsAre(durable.OS, lastStep); err != nil {
		t.Error(err)
	}
	if b, _ := os.ReadFile("runs/a/config.toml"); !bytes.Equal(b, testConfig) {
		t.Errorf("config %q", b)
	}
	if b, _ := os.ReadFile("runs/a/metrics.jsonl"); !strings.HasPrefix(string(b), `{"step":1,"loss":4.545454545454545,"tokens":64,"seconds":0.5,"rate":0.0003}`+"\n") {
		t.Errorf("metrics %.100s", b)
	}
	s, err := ReadStatus(durable.OS, "runs/a")
	if err != nil || s.State != Finished || s.Step != lastStep || s.Updated.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
	curve, err := events.ReadFolder(durable.OS, "runs/a/tb")
	if err != nil || len(curve) != lastStep {
		t.Errorf("%d points, %v", len(curve), err)
	}
	if err := train(durable.OS, func(step int64) { t.Errorf("step %d was saved again", step) }); err != nil {
		t.Error(err)
	}
	if found, err := Checkpoints(durable.OS, "runs/a"); err != nil || len(found) != 2 || found[0].Step != 7 || found[1].Step != 6 {
		t.Errorf("%v, %v", found, err)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, config string
		opt          Options
		want         error
		text         string
	}{
		{"the same", "rate = 0.0003\nsteps = 7", Options{}, nil, ""},
		{"another value", "steps = 8\nrate = 3e-4", Options{}, ErrOtherConfig, "steps was 7 and is now 8"},
		{"two others: the first by name", "steps = 8\nrate = 3e-5", Options{}, ErrOtherConfig, "rate was 0.0003 and is now 0.00003"},
		{"a field more", "steps = 7\nrate = 3e-4\n[data]\nseed = 1", Options{}, ErrOtherConfig, "data.seed was not set and is now 1"},
		{"a field less", "steps = 7", Options{}, ErrOtherConfig, "rate was 0.0003 and is now not set"},
		{"a string for a number", "steps = '7'\nrate = 3e-4", Options{}, ErrOtherConfig, `steps was 7 and is now "7"`},
		{"one that may differ", "steps = 8\nrate = 3e-4", Options{MayDiffer: []string{"steps"}}, nil, ""},
		{"another form", `{"steps": 7, "rate": 3e-4}`, Options{}, ErrOtherConfig, "config.toml"},
		{"no configuration", `steps = `, Options{}, errAny, "the configuration given"},
		{"no JSON", `{"steps": 7} {}`, Options{}, errAny, "more follows"},
	} {
		disk := crashfs.New()
		if err := train(disk, none); err != nil {
			t.Fatal(err)
		}
		c.opt.FS = disk
		run, err := Open("runs/a", []byte(c.config), c.opt)
		if c.want == nil {
			if err != nil || !run.Resumed {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if now, err := readConfig(disk, "runs/a"); err != nil || now.text != c.config {
				t.Errorf("%s: the directory has %q, %v", c.name, now.text, err)
			}
			continue
		}
		if err == nil || c.want != errAny && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.name, err)
		}
		if again, err := Open("runs/a", testConfig, Options{FS: disk}); err != nil {
			t.Errorf("%s: the lock was kept: %v", c.name, err)
		} else {
			again.Close()
		}
	}
}

var errAny = errors.New("any")

func TestJSONConfig(t *testing.T) {
	disk := crashfs.New()
	for i, text := range []string{`{"seed": 18446744073709551615, "a": {"b": [1, 2.0, true, null]}}`, `{"a":{"b":[1.0,2,true,null]},"seed":18446744073709551615}`} {
		run, err := Open("r", []byte(text), Options{FS: disk})
		if err != nil || run.Resumed != (i == 1) {
			t.Fatal(err)
		}
		run.Close()
	}
	_, err := Open("r", []byte(`{"seed": 18446744073709551614, "a": {"b": [1, 2.0, true, null]}}`), Options{FS: disk})
	if !errors.Is(err, ErrOtherConfig) || !strings.Contains(err.Error(), "seed was 18446744073709551615 and is now 18446744073709551614") {
		t.Error(err)
	}
}

func TestTwoProcesses(t *testing.T) {
	t.Chdir(t.TempDir())
	run, err := Open("runs/a", testConfig, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, fresh := range []bool{false, true} {
		if _, err := Open("runs/a", testConfig, Options{Fresh: fresh}); !errors.Is(err, durable.ErrLocked) || !strings.Contains(err.Error(), "process ") {
			t.Errorf("fresh %v: %v", fresh, err)
		}
	}
	if err := run.Close(); err != nil {
		t.Error(err)
	}
	if run, err = Open("runs/a", testConfig, Options{}); err != nil {
		t.Fatal(err)
	}
	run.Close()
}

// Fresh moves aside, as often as it is asked, and never a directory that is no run.
func TestFresh(t *testing.T) {
	t.Chdir(t.TempDir())
	for i, want := range []string{"", "runs/a.old-1", "runs/a.old-2"} {
		run, err := Open("runs/a", testConfig, Options{Fresh: true})
		if err != nil || run.MovedTo != filepath.FromSlash(want) || run.Resumed {
			t.Fatalf("%d: moved to %q, %v", i, run.MovedTo, err)
		}
		if err := errors.Join(run.Begin(0), run.LogStep(Step{Step: 1}), run.Close()); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat("runs/a.old-1/metrics.jsonl"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile("runs/a/config.toml", []byte("steps = = 7"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("runs/a", testConfig, Options{}); err == nil || !strings.Contains(err.Error(), "config.toml") {
		t.Errorf("a spoiled config: %v", err)
	}
	if run, err := Open("runs/a", testConfig, Options{Fresh: true}); err != nil {
		t.Errorf("a spoiled config, fresh: %v", err)
	} else {
		run.Close()
	}
	if err := errors.Join(os.Mkdir("home", 0o777), os.WriteFile("home/letter", nil, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, fresh := range []bool{false, true} {
		if _, err := Open("home", testConfig, Options{Fresh: fresh}); !errors.Is(err, ErrNotRun) || !strings.Contains(err.Error(), "letter") {
			t.Errorf("fresh %v: %v", fresh, err)
		}
	}
	if entries, _ := os.ReadDir("home"); len(entries) != 1 {
		t.Errorf("something was left in a foreign directory: %v", entries)
	}
	if _, err := Open("home/letter", testConfig, Options{}); err == nil {
		t.Error("a file was taken for a directory")
	}
}

// spoil flips a bit of a checkpoint.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		b[len(b)/2] ^= 4
		err = os.WriteFile(path, b, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A damaged newest checkpoint: the one before is used, the damaged one named and set aside, and gone when it is overtaken.
func TestDamagedCheckpoint(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := train(durable.OS, none); err != nil {
		t.Fatal(err)
	}
	spoil(t, "runs/a/checkpoints/step-7/state/moments")
	run, loaded, err := resume(durable.OS)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Step != 6 || len(loaded.Skipped) != 1 || loaded.Skipped[0].Step != 7 || !strings.Contains(loaded.Skipped[0].Err.Error(), "moments") {
		t.Errorf("%+v", loaded)
	}
	if err := metricsAre(durable.OS, 6); err != nil {
		t.Error(err)
	}
	if curve, err := events.ReadFolder(durable.OS, "runs/a/tb"); err != nil || len(curve) != 6 {
		t.Errorf("%d points, %v", len(curve), err)
	}
	if _, err := os.Stat("runs/a/checkpoints/step-7.damaged"); err != nil {
		t.Error(err)
	}
	if err := errors.Join(run.Close(), train(durable.OS, none), metricsAre(durable.OS, lastStep)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("runs/a/checkpoints/step-7.damaged"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the damaged checkpoint was overtaken and stayed")
	}
	spoil(t, "runs/a/checkpoints/step-7/MANIFEST.json")
	spoil(t, "runs/a/checkpoints/step-6/model.safetensors")
	if _, _, err := resume(durable.OS); !errors.Is(err, ErrNoCheckpoint) || !strings.Contains(err.Error(), "step-6") || !strings.Contains(err.Error(), "step-7") {
		t.Errorf("nothing valid is left: %v", err)
	}
}

// What the loader says decides: damage goes back one, anything else stops.
func TestLoaderSays(t *testing.T) {
	disk := crashfs.New()
	if err := train(disk, none); err != nil {
		t.Fatal(err)
	}
	run, err := Open("runs/a", testConfig, Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := run.LoadNewest(func(c Checkpoint) error {
		if c.Step == lastStep {
			return durable.ErrDamaged
		}
		return nil
	})
	if err != nil || loaded.Step != 6 {
		t.Errorf("%+v, %v", loaded, err)
	}
	if _, err := run.LoadNewest(func(Checkpoint) error { return fs.ErrPermission }); !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}

func TestKeepAll(t *testing.T) {
	run, err := Open("r", testConfig, Options{FS: crashfs.New(), Keep: -1})
	if err != nil {
		t.Fatal(err)
	}
	err = run.Begin(0)
	for step := int64(1); step <= 12; step++ {
		err = errors.Join(err, run.LogStep(Step{Step: step}), run.SaveCheckpoint(step, fill(step)))
	}
	found, listErr := Checkpoints(run.FS(), "r")
	if err != nil || listErr != nil || len(found) != 12 || found[0].Step != 12 { // 12 comes after 9
		t.Errorf("%v, %v, %v", found, err, listErr)
	}
}

func TestRecords(t *testing.T) {
	disk := crashfs.New()
	run, err := Open("r", testConfig, Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Begin(0); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Step{"loss": {Step: 1, Loss: math.NaN()}, "seconds": {Step: 1, Seconds: math.Inf(1)}, "norm": {Step: 1, Extra: []Value{{"norm", math.Inf(-1)}}}} {
		if err := run.LogStep(s); err == nil || !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	err = errors.Join(run.LogStep(Step{Step: 1, Loss: 1, Extra: []Value{{`a"b`, 2}}}), run.LogEvent("saved", map[string]any{"seconds": 2}))
	if err != nil {
		t.Error(err)
	}
	for _, wrong := range []func(){
		func() { run.LogStep(Step{Step: 1}) },
		func() { run.LogStep(Step{Step: 3}) },
		func() { run.LogEvent("x", map[string]any{"loss": 1}) },
		func() { run.SaveCheckpoint(2, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			wrong()
		}()
	}
	var lines []string
	err = durable.ReadLog(disk, "r/metrics.jsonl", func(line []byte) error { lines = append(lines, string(line)); return nil })
	want := `{"step":1,"loss":1,"tokens":0,"seconds":0,"a\"b":2}` + "\n" + `{"event":"saved","seconds":2,"step":1}`
	if got := strings.Join(lines, "\n"); err != nil || got != want {
		t.Errorf("%s, %v", got, err)
	}
}
