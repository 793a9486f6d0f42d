// Package rundir is the directory of one training run:
//
//	config.toml or config.json  what the run resolved; another one is refused
//	status.json                 running, finished, interrupted or failed, and why
//	mixture.json                what was taken of each source up to the newest checkpoint
//	metrics.jsonl               one line a step
//	tb/                         TensorBoard event files, one per start
//	checkpoints/step-N/         committed folders, verified before they are read
//	.lock                       one process at a time
//
// A run that was killed at any moment, or lost its power, goes on like this:
//
//	run, err := rundir.Open("runs/a", config, rundir.Options{Keep: 1})
//	loaded, err := run.LoadNewest(func(c rundir.Checkpoint) error { … })
//	err = run.Begin(loaded.Step) // metrics and curves past that step are cut
//	for step := loaded.Step + 1; …; step++ {
//		err = run.LogStep(rundir.Step{Step: step, Loss: …})
//		err = run.SaveCheckpoint(step, func(tmp *durable.Dir) error { … })
//	}
//	err = run.SetStatus(rundir.Status{State: rundir.Finished, Step: steps})
//	err = run.Close()
//
// When SaveCheckpoint has returned nil, the checkpoint and the metrics of every step up to it survive a crash.
package rundir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/train/events"
)

// What a run directory is refused for, and what a run cannot go on after.
var (
	// ErrOtherConfig: the directory holds a run of another configuration. The text names the first field that differs.
	ErrOtherConfig = errors.New("holds a run of another configuration")
	// ErrNotRun: the directory holds files, but no run.
	ErrNotRun = errors.New("is not a run directory")
	// ErrNoCheckpoint: there are checkpoints, but none can be used.
	ErrNoCheckpoint = errors.New("no checkpoint can be used")
)

// Names in a run directory.
const (
	lockName       = ".lock"
	statusName     = "status.json"
	takenName      = "mixture.json"
	metricsName    = "metrics.jsonl"
	eventsName     = "tb"
	checkpointsDir = "checkpoints"
)

// Options of Open.
type Options struct {
	// FS is the file system; nil: the machine's.
	FS durable.FS
	// Fresh starts anew: a run that is there is moved aside first, to DIR.old-1 or the next free number; nothing is deleted.
	Fresh bool
	// MayDiffer names the configuration's fields (with dots: "data.workers") that may change when a run goes on, because they do
	// not change what it computes. The directory then gets the new configuration.
	MayDiffer []string
	// Keep is the number of checkpoints kept besides the newest; below 0: all.
	Keep int
}

// Run is an open run directory. It is for one goroutine at a time.
type Run struct {
	fsys durable.FS
	dir  string
	keep int
	lock io.Closer

	// MovedTo is where Fresh moved the run that was here; "" when there was none.
	MovedTo string
	// Resumed tells that the run was here before.
	Resumed bool

	metrics *durable.Log   // from Begin on
	events  *events.Writer // from Begin on
	step    int64          // the last that was logged
	saved   int64          // the newest checkpoint that this process knows to be good; -1: none
}

// Open opens or makes the directory of a run. config is what the run resolved, as TOML or as JSON (which begins with a brace).
// An earlier run of the same configuration is gone on with; of another one, it is refused (ErrOtherConfig).
func Open(dir string, config []byte, opt Options) (*Run, error) {
	r := &Run{fsys: opt.FS, dir: filepath.Clean(dir), keep: opt.Keep, saved: -1}
	if r.fsys == nil {
		r.fsys = durable.OS
	}
	mine, err := parseConfig("the configuration given", config)
	if err != nil {
		return nil, err
	}
	if err := r.take(); err != nil {
		return nil, err
	}
	if err := r.settle(mine, opt); err != nil {
		return nil, errors.Join(err, r.lock.Close())
	}
	return r, nil
}

// take makes the directory when it is missing, and locks it.
func (r *Run) take() (err error) {
	if err = durable.MkdirAll(r.fsys, r.dir); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	if err = r.foreign(); err != nil {
		return err // before a lock file is left there
	}
	if r.lock, err = r.fsys.Lock(r.path(lockName)); err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	return nil
}

// foreign refuses a directory that has files but no configuration of a run.
func (r *Run) foreign() error {
	entries, err := r.fsys.ReadDir(r.dir)
	if err != nil {
		return fmt.Errorf("run directory: %w", err)
	}
	other := ""
	for _, e := range entries {
		switch name := e.Name(); {
		case name == configTOML || name == configJSON:
			return nil
		case !strings.HasPrefix(name, "."): // the lock, and what a crash during the first start left
			other = name
		}
	}
	if other != "" {
		return fmt.Errorf("%s %w: it holds %s, but no %s or %s; give another directory", r.dir, ErrNotRun, other, configTOML, configJSON)
	}
	return nil
}

// settle makes the locked directory that of this configuration.
func (r *Run) settle(mine config, opt Options) error {
	old, err := readConfig(r.fsys, r.dir)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !opt.Fresh {
		return err
	}
	if opt.Fresh && !errors.Is(err, fs.ErrNotExist) {
		if err := r.moveAside(); err != nil {
			return fmt.Errorf("move the old run aside: %w", err)
		}
		there = false
	}
	if there {
		if err := old.same(mine, opt.MayDiffer); err != nil {
			return fmt.Errorf("%s %w: %w; give another directory, or start anew (the old run is moved aside)", r.dir, ErrOtherConfig, err)
		}
	}
	r.Resumed = there
	if err := r.clean(); err != nil {
		return err
	}
	if there && old.text == mine.text {
		return nil
	}
	return durable.WriteFile(r.fsys, r.path(mine.name()), func(w io.Writer) error {
		_, err := io.WriteString(w, mine.text)
		return err
	})
}

// clean removes what writers that died left, and makes sure of the names they made: they may have died before doing so.
func (r *Run) clean() error {
	for _, dir := range []string{filepath.Dir(r.dir), r.dir} {
		if err := r.fsys.SyncDir(dir); err != nil {
			return fmt.Errorf("run directory: %w", err)
		}
	}
	for _, dir := range []string{r.dir, r.path(checkpointsDir)} {
		if err := durable.RemoveTemporaries(r.fsys, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// moveAside renames the directory and makes and locks a new one. The old lock goes with the old directory and is held until then.
func (r *Run) moveAside() error {
	for n := 1; ; n++ {
		to := fmt.Sprintf("%s.old-%d", r.dir, n)
		err := durable.RenameDir(r.fsys, r.dir, to)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.MovedTo = to
		break
	}
	old := r.lock
	if err := r.take(); err != nil {
		r.lock = old // Open closes it
		return err
	}
	return old.Close()
}

func (r *Run) path(name string) string { return filepath.Join(r.dir, name) }

// Dir is the run's directory.
func (r *Run) Dir() string { return r.dir }

// FS is the file system the run lives on.
func (r *Run) FS() durable.FS { return r.fsys }

// Close makes metrics and curves durable and lets others into the directory.
func (r *Run) Close() error {
	var err error
	if r.metrics != nil {
		err = errors.Join(r.metrics.Close(), r.events.Close())
	}
	return errors.Join(err, r.lock.Close())
}
