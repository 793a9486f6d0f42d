package datasets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// recordsName is the folder of the records in that of a tuning set.
const recordsName = "records"

const lockName = ".lock"

// begin makes or takes over the folder, under its lock, and clears away what a process that
// died left behind. Nothing of a folder that is not ours is touched.
func (t *Build) begin() (_ io.Closer, err error) {
	if err := t.ours(); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(t.FS, filepath.Join(t.Out, recordsName)); err != nil {
		return nil, err
	}
	lock, err := t.FS.Lock(filepath.Join(t.Out, lockName))
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, lock.Close())
		}
	}()
	for _, dir := range []string{t.Out, filepath.Join(t.Out, recordsName), t.hidden(), t.final()} {
		if err := durable.RemoveTemporaries(t.FS, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if err := t.known(); err != nil {
		return nil, err
	}
	return lock, nil
}

// ours refuses a folder with something in it that no start of this split has made.
func (t *Build) ours() error {
	names, err := t.list(t.Out)
	if err != nil {
		return err
	}
	split := string(t.Options.Split)
	for _, name := range names {
		if !slices.Contains([]string{recordsName, lockName, split, "." + split, TuningManifest}, name) {
			return fmt.Errorf("%w: %s holds %s, which a tuning set of split %s does not have: give another folder", ErrOther, t.Out, name, split)
		}
	}
	if len(names) > 0 && !slices.Contains(names, recordsName) && !slices.Contains(names, lockName) {
		return fmt.Errorf("%w: %s has no folder %s: give another folder", ErrOther, t.Out, recordsName)
	}
	return nil
}

// known refuses records and files of datasets that are not to be converted: what was done
// once is not thrown away because a folder is not mounted.
func (t *Build) known() error {
	for _, kind := range []struct{ dir, ending string }{{filepath.Join(t.Out, recordsName), ".json"}, {t.hidden(), ".jsonl"}, {t.final(), ".jsonl"}} {
		dir, ending := kind.dir, kind.ending
		names, err := t.list(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !slices.ContainsFunc(t.Sources, func(s Source) bool { return s.Dataset.Name+ending == name }) {
				return fmt.Errorf("%w: %s holds %s, which is of no dataset in %s: put the dataset back, or remove that file", ErrOther, dir, name, t.Root)
			}
		}
	}
	return nil
}

// list gives the names in a folder, temporary ones left out; none when it is not there.
func (t *Build) list(dir string) (names []string, err error) {
	entries, err := t.FS.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if hidden := strings.HasPrefix(e.Name(), "."); !hidden || e.Name() == lockName || e.Name() == filepath.Base(t.hidden()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// unfinish takes a set that was whole apart again before a part of it changes: first what says
// that it is whole, then the name under which it is looked for.
func (t *Build) unfinish() error {
	if err := durable.Remove(t.FS, filepath.Join(t.Out, TuningManifest)); err != nil {
		return err
	}
	if _, err := t.FS.Stat(t.final()); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return durable.RenameDir(t.FS, t.final(), t.hidden())
}

// finish gives the folder its name and writes the manifest, unless both are there.
func (t *Build) finish(m *Manifest) error {
	if len(m.Datasets) == 0 {
		return fmt.Errorf("%w: no dataset was given", data.ErrEmpty)
	}
	if _, err := t.FS.Stat(t.hidden()); err == nil {
		if err := durable.RenameDir(t.FS, t.hidden(), t.final()); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	path := filepath.Join(t.Out, TuningManifest)
	var there Manifest
	switch err := durable.ReadSealed(t.FS, path, &there, &there.Check); {
	case err == nil:
		if _, err := durable.Seal(m, &m.Check); err == nil && m.Check == there.Check {
			return nil
		}
	case !errors.Is(err, fs.ErrNotExist):
		t.note("the manifest is written again: %v", err)
	}
	return durable.WriteSealed(t.FS, path, m, &m.Check)
}
