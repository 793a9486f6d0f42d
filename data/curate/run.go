package curate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/primer-lm/primer/internal/durable"
)

// Options says where a curation is and of what.
type Options struct {
	FS       durable.FS // nil: durable.OS
	Dir      string     // the curation's folder: new, or one that a curation began
	Settings Settings
	Source   Source

	KeepDropped bool     // write what each stage drops, with the reason
	Rerun       []string // stages that run even though they are done

	Note     func(text string)              // is told what is skipped, repaired and run anew; may be nil
	Progress func(stage string, docs int64) // is told how far a stage is; may be nil
}

type run struct {
	fsys  durable.FS
	opt   *Options
	set   Settings
	items *items // of the evaluation sets, for stage decontaminate
}

// Run curates documents: stages that are done are checked and skipped, others run. It may be started again at any time, with other
// settings too; one at a time works in a folder (durable.ErrLocked). When ctx ends, whole stages are kept.
func Run(ctx context.Context, opt Options) (report *Report, err error) {
	r := &run{fsys: opt.FS, opt: &opt, set: opt.Settings}
	if r.fsys == nil {
		r.fsys = durable.OS
	}
	if err := r.set.Check(); err != nil {
		return nil, err
	}
	for _, name := range opt.Rerun {
		if !slices.Contains(r.set.Stages, name) {
			return nil, fmt.Errorf("%w: stage %q is to run again, but is not one of %v", ErrSettings, name, r.set.Stages)
		}
	}
	if slices.Contains(r.set.Stages, CleanStage) {
		if r.items, err = loadItems(ctx, &r.set.Decontaminate, r.set.Seed); err != nil {
			return nil, err
		}
	}
	key, err := opt.Source.Key(ctx) // before anything in the folder changes
	if err != nil {
		return nil, err
	}
	lock, err := r.settle()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	records, err := r.stages(ctx, key)
	if err != nil {
		return nil, err
	}
	return r.publish(key, records)
}

// settle takes the folder's lock and clears away what killed starts left.
func (r *run) settle() (io.Closer, error) {
	dir := r.opt.Dir
	if err := durable.MkdirAll(r.fsys, dir); err != nil {
		return nil, err
	}
	lock, err := r.fsys.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	if err := r.clear(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

func (r *run) clear() error {
	dir := r.opt.Dir
	path := filepath.Join(dir, settingsName)
	text, err := r.set.encode()
	if err != nil {
		return err
	}
	if err := durable.RemoveTemporariesOf(r.fsys, path); err != nil {
		return err
	}
	was, err := readAll(r.fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		err = r.mustBeNew()
	}
	if err == nil && !bytes.Equal(was, text) {
		// What stands there is of other settings; stages that are the same under these give it again.
		err = errors.Join(durable.Remove(r.fsys, filepath.Join(dir, reportName)), durable.Remove(r.fsys, filepath.Join(dir, resultName)))
		if err == nil {
			err = writeBytes(r.fsys, path, text)
		}
	}
	if err != nil {
		return err
	}
	if err := errors.Join(durable.RemoveTemporaries(r.fsys, dir), durable.RemoveDir(r.fsys, filepath.Join(dir, workName))); err != nil {
		return err
	}
	for _, sub := range []string{"stages", "dropped", "hits", "records"} {
		err := durable.RemoveTemporaries(r.fsys, filepath.Join(dir, sub))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// mustBeNew refuses a folder that has something in it.
func (r *run) mustBeNew() error {
	entries, err := r.fsys.ReadDir(r.opt.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != lockName {
			return fmt.Errorf("%s: %w: it holds %s: give a new one", r.opt.Dir, ErrNotCuration, e.Name())
		}
	}
	return nil
}

// stages brings every stage up to date, in order, and gives their records. Each depends on what the one before put out, not on how:
// a stage that gives the same bytes under other settings leaves those after it done.
func (r *run) stages(ctx context.Context, key string) ([]*Record, error) {
	var records []*Record
	in := &input{source: &r.opt.Source}
	from := key
	for _, name := range r.set.Stages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		options, err := json.Marshal(r.options(name))
		if err != nil {
			return nil, err
		}
		want := &Record{Version: version, Stage: name, Options: options, Input: from}
		rec, err := r.done(want)
		if why := (*reason)(nil); errors.As(err, &why) {
			if len(records) > 0 {
				want.Counts.In = records[len(records)-1].Counts.Out
			}
			r.note("%s runs: %v", name, why)
			rec, err = r.execute(ctx, want, in)
		} else if err == nil {
			r.note("%s is done already", name)
		}
		if err != nil {
			return nil, fmt.Errorf("stage %s: %w", name, err)
		}
		records = append(records, rec)
		in, from = &input{fsys: r.fsys, path: outputPath(r.opt.Dir, name)}, rec.Output.SHA256
	}
	return records, nil
}

// reason is why a stage runs.
type reason struct{ text string }

func (r *reason) Error() string { return r.text }

// done gives the record of a stage that need not run, or the reason why it has to.
func (r *run) done(want *Record) (*Record, error) {
	have, err := readRecord(r.fsys, r.opt.Dir, want.Stage)
	var options bytes.Buffer
	if err == nil {
		err = json.Compact(&options, have.Options)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &reason{"it has not run yet"}
	case errors.Is(err, durable.ErrDamaged):
		return nil, &reason{err.Error()}
	case err != nil:
		return nil, err
	case slices.Contains(r.opt.Rerun, want.Stage):
		return nil, &reason{"it was asked for"}
	case have.Version != version:
		return nil, &reason{"another version of this program ran it"}
	case !bytes.Equal(options.Bytes(), want.Options):
		return nil, &reason{"its settings are others"}
	case have.Input != want.Input:
		return nil, &reason{"what it reads is other"}
	case r.opt.KeepDropped && have.Dropped == nil:
		return nil, &reason{"what it drops was not kept"}
	}
	err = have.verify(r.fsys, r.opt.Dir)
	if errors.Is(err, durable.ErrDamaged) {
		return nil, &reason{err.Error()}
	}
	return have, err
}

// publish writes result and report, unless they are there.
func (r *run) publish(key string, records []*Record) (*Report, error) {
	report := newReport(key, r.set.Stages, records)
	path := filepath.Join(r.opt.Dir, resultName)
	if err := durable.VerifyFile(r.fsys, path, report.Result.Sum); errors.Is(err, durable.ErrDamaged) {
		if err := r.copyFile(path, outputPath(r.opt.Dir, records[len(records)-1].Stage), report.Result.Sum); err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	text, err := encode(report)
	if err != nil {
		return nil, err
	}
	path = filepath.Join(r.opt.Dir, reportName)
	was, err := readAll(r.fsys, path)
	switch {
	case err == nil && bytes.Equal(was, text):
		return report, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, durable.ErrDamaged):
		return nil, err
	}
	return report, writeBytes(r.fsys, path, text)
}

func (r *run) copyFile(to, from string, want durable.Sum) error {
	have, err := durable.WriteFileSum(r.fsys, to, func(w io.Writer) error {
		f, err := r.fsys.Open(from)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, io.Reader(f))
		return errors.Join(err, f.Close())
	})
	if err == nil && have != want {
		err = fmt.Errorf("%s: %w: it changed while it was copied", from, durable.ErrDamaged)
	}
	return err
}

func (r *run) note(format string, args ...any) {
	if r.opt.Note != nil {
		r.opt.Note(fmt.Sprintf(format, args...))
	}
}
