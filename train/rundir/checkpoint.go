package rundir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"github.com/primer-lm/primer/internal/durable"
)

// Checkpoint is a committed folder of a run.
type Checkpoint struct {
	Step int64
	Dir  string
}

// Skipped is a checkpoint that could not be used, and why.
type Skipped struct {
	Checkpoint
	Err error
}

// Loaded tells what LoadNewest did.
type Loaded struct {
	Step    int64 // 0: there is no checkpoint
	Skipped []Skipped
}

const (
	stepPrefix    = "step-"
	damagedSuffix = ".damaged"
)

// SaveCheckpoint commits the checkpoint of a step, which fill writes, after the metrics up to it. Older ones beyond Keep are
// removed then. When it fails, the checkpoints that were there stand, and it may be tried again. A step that was saved or loaded
// already is not written twice.
func (r *Run) SaveCheckpoint(step int64, fill func(*durable.Dir) error) error {
	if r.metrics == nil || step != r.step {
		panic("rundir: a checkpoint is saved after its step was logged")
	}
	if step == r.saved {
		return nil
	}
	if err := errors.Join(r.metrics.Sync(), r.events.Sync()); err != nil {
		return err
	}
	if err := durable.CommitDir(r.fsys, r.checkpoint(step), fill); err != nil {
		return err
	}
	r.saved = step
	return r.prune()
}

func (r *Run) checkpoint(step int64) string {
	return filepath.Join(r.dir, checkpointsDir, stepPrefix+strconv.FormatInt(step, 10))
}

// Checkpoints lists the committed folders of a run directory, newest first, unverified.
func Checkpoints(fsys durable.FS, dir string) ([]Checkpoint, error) { return list(fsys, dir, "") }

// list finds the folders step-N plus a suffix, highest N first.
func list(fsys durable.FS, dir, suffix string) ([]Checkpoint, error) {
	dir = filepath.Join(dir, checkpointsDir)
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []Checkpoint
	for _, e := range entries {
		digits, ok := strings.CutSuffix(strings.TrimPrefix(e.Name(), stepPrefix), suffix)
		step, err := strconv.ParseInt(digits, 10, 64)
		if ok && err == nil && e.Name() == stepPrefix+strconv.FormatInt(step, 10)+suffix {
			found = append(found, Checkpoint{step, filepath.Join(dir, e.Name())})
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Step > found[j].Step })
	return found, nil
}

// LoadNewest verifies the newest checkpoint and gives it to load; one that is damaged, or that load calls damaged (an error that
// is durable.ErrDamaged), is skipped for the one before. Any other error ends it. With checkpoints there but none of use the error
// is ErrNoCheckpoint: a run never starts over in silence.
func (r *Run) LoadNewest(load func(Checkpoint) error) (Loaded, error) {
	found, err := Checkpoints(r.fsys, r.dir)
	if err != nil {
		return Loaded{}, err
	}
	var result Loaded
	var reasons []error
	for _, c := range found {
		err := durable.VerifyDir(r.fsys, c.Dir)
		if err == nil {
			err = load(c)
		}
		if err == nil {
			result.Step, r.saved = c.Step, c.Step
			return result, nil
		}
		if !isDamage(err) {
			return result, fmt.Errorf("checkpoint %s: %w", c.Dir, err)
		}
		result.Skipped = append(result.Skipped, Skipped{c, err})
		reasons = append(reasons, err)
	}
	if len(reasons) > 0 {
		return result, fmt.Errorf("%s: %w; start anew (the old run is moved aside), or repair one:\n%w", r.dir, ErrNoCheckpoint, errors.Join(reasons...))
	}
	return result, nil
}

// isDamage tells a bad checkpoint from, say, a lack of permission, which is no reason to go back.
func isDamage(err error) bool {
	return errors.Is(err, durable.ErrDamaged) || errors.Is(err, durable.ErrNoManifest) || errors.Is(err, syscall.EIO)
}

// setAsideAfter renames the checkpoints after a step, which would otherwise pass for the newest again.
func (r *Run) setAsideAfter(step int64) error {
	found, err := Checkpoints(r.fsys, r.dir)
	if err != nil {
		return err
	}
	for _, c := range found {
		if c.Step <= step {
			break
		}
		if err := durable.RemoveDir(r.fsys, c.Dir+damagedSuffix); err != nil {
			return err
		}
		if err := durable.RenameDir(r.fsys, c.Dir, c.Dir+damagedSuffix); err != nil {
			return err
		}
	}
	return nil
}

// prune removes the checkpoints beyond those to keep, oldest first, and damaged ones that the newest has overtaken.
func (r *Run) prune() error {
	if r.keep < 0 {
		return nil
	}
	found, err := Checkpoints(r.fsys, r.dir)
	if err != nil {
		return err
	}
	damaged, err := list(r.fsys, r.dir, damagedSuffix)
	if err != nil {
		return err
	}
	var old []Checkpoint
	if len(found) > r.keep+1 {
		old = found[r.keep+1:]
	}
	for _, c := range damaged {
		if c.Step <= r.saved {
			old = append(old, c)
		}
	}
	sort.Slice(old, func(i, j int) bool { return old[i].Step < old[j].Step })
	for _, c := range old {
		if err := durable.RemoveDir(r.fsys, c.Dir); err != nil {
			return fmt.Errorf("checkpoint %d is saved; an old one stayed: %w", r.saved, err)
		}
	}
	return nil
}
