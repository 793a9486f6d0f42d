package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

// ErrOther: the folder holds something else than the tuning set that was begun.
var ErrOther = errors.New("another tuning set")

// Build makes a tuning set in a folder, so that it may be killed at any moment and started
// again:
//
//	tuning.json          what is in the set; there once it is whole
//	train/NAME.jsonl     the examples of each dataset (or dev/, test/); .train until the set is whole
//	records/NAME.json    what NAME.jsonl was made of: files with sizes and times, options, size and sha256
//
// A dataset whose record and file are as they were written, and whose input files and options
// are the same, is kept; any other is converted, so that a kill costs the dataset in hand. One
// that fails is named in the error, the others go on, and the set stays unfinished. A folder
// ends with the same bytes however often it was interrupted.
type Build struct {
	FS       durable.FS
	Out      string
	Root     string // what the manifest's paths are relative to
	Sources  []Source
	Missing  []string // datasets that are not there, for the manifest
	Options  Options
	Progress func(name string, examples int64) // may be nil
	Note     func(format string, args ...any)  // what is kept, mended or done again; may be nil
}

// Run makes or finishes the set. Errors: ErrOther, durable.ErrLocked, those of the datasets
// that failed (joined), the context's.
func (t *Build) Run(ctx context.Context) (_ *Manifest, err error) {
	if t.Options.Split == "" {
		t.Options.Split = Train
	}
	if t.Options.MaxWords == 0 {
		t.Options.MaxWords = MaxWords
	}
	unlock, err := t.begin()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock.Close()) }()
	m := &Manifest{Version: 1, Split: t.Options.Split, Limit: t.Options.Limit, MaxWords: t.Options.MaxWords, Formats: map[string]int64{}, Missing: t.Missing}
	var failed []error
	kept := 0
	for _, s := range t.Sources {
		record, was, err := t.dataset(ctx, s)
		switch {
		case err == nil:
			m.add(record.Entry)
			if was {
				kept++
			}
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: %d of %d datasets are done; the same command goes on", ctx.Err(), len(m.Datasets), len(t.Sources))
		default:
			failed = append(failed, fmt.Errorf("%s: %w", s.Dataset.Name, err))
		}
	}
	if kept > 0 {
		t.note("%d of %d datasets were there already", kept, len(t.Sources))
	}
	if len(failed) > 0 {
		return nil, fmt.Errorf("%d of %d datasets failed, %d are done; mend or remove those that failed, and the same command goes on: %w",
			len(failed), len(t.Sources), len(m.Datasets), errors.Join(failed...))
	}
	return m, t.finish(m)
}

func (t *Build) note(format string, args ...any) {
	if t.Note != nil {
		t.Note(format, args...)
	}
}

// dataset keeps what is done of a dataset, or converts it; was says which.
func (t *Build) dataset(ctx context.Context, s Source) (record *tuningRecord, was bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	inputs, err := hashInputs(s.Path, t.Out)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", data.ErrNoFile, err)
	}
	if record, why := t.done(s, inputs); record != nil {
		return record, true, nil
	} else if why != nil {
		t.note("%s is converted again: %v", s.Dataset.Name, why)
	}
	if err := t.unfinish(); err != nil {
		return nil, false, err
	}
	record, err = t.write(ctx, s, inputs)
	return record, false, err
}

// done gives the record of a dataset that is as it should be, or why it is not; neither when
// there is none.
func (t *Build) done(s Source, inputs string) (*tuningRecord, error) {
	r := &tuningRecord{}
	err := durable.ReadSealed(t.FS, t.recordPath(s.Dataset.Name), r, &r.Check)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case r.Version != recordVersion:
		return nil, fmt.Errorf("it was made by version %d, this program is version %d", r.Version, recordVersion)
	case r.Settings != t.settings():
		return nil, fmt.Errorf("the options were %+v", r.Settings)
	case r.Inputs != inputs || r.Entry.Name != s.Dataset.Name:
		return nil, errors.New("its files have changed")
	}
	for _, folder := range []string{t.final(), t.hidden()} {
		path := filepath.Join(folder, s.Dataset.Name+".jsonl")
		sum, err := durable.SumFile(t.FS, path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case sum != r.Entry.Sum:
			return nil, fmt.Errorf("%s: %w: sha256 %s over %d bytes, not %s over %d", path, durable.ErrDamaged, sum.SHA256, sum.Bytes, r.Entry.Sum.SHA256, r.Entry.Sum.Bytes)
		}
		return r, nil
	}
	return nil, fmt.Errorf("%s: %w: it is missing", r.Entry.File, durable.ErrDamaged)
}

// write converts one dataset and then writes its record.
func (t *Build) write(ctx context.Context, s Source, inputs string) (*tuningRecord, error) {
	name := s.Dataset.Name + ".jsonl"
	var report Report
	sum, err := durable.WriteFileSum(t.FS, filepath.Join(t.hidden(), name), func(out io.Writer) error {
		w, err := data.NewWriter(out, name)
		if err != nil {
			return err
		}
		for ex, err := range s.Dataset.Convert(ctx, s.Path, t.Options, &report) {
			if err != nil {
				return err
			}
			if err := w.Write(ex); err != nil {
				return err
			}
			if t.Progress != nil {
				t.Progress(s.Dataset.Name, w.Records())
			}
		}
		return w.Close()
	})
	if err != nil {
		return nil, err
	}
	if now, err := hashInputs(s.Path, t.Out); err != nil || now != inputs {
		return nil, errors.Join(fmt.Errorf("%w: %s changed while it was read", data.ErrStream, s.Path), err)
	}
	r := &tuningRecord{Version: recordVersion, Settings: t.settings(), Inputs: inputs, Entry: t.entry(s, &report, sum)}
	return r, durable.WriteSealed(t.FS, t.recordPath(s.Dataset.Name), r, &r.Check)
}

// entry is what the manifest says of a dataset.
func (t *Build) entry(s Source, report *Report, sum durable.Sum) ManifestEntry {
	e := ManifestEntry{Name: s.Dataset.Name, Role: s.Dataset.Role, Licence: s.Dataset.Licence, Split: t.Options.Split,
		File: string(t.Options.Split) + "/" + s.Dataset.Name + ".jsonl", Sum: sum, Records: report.Records, Examples: report.Examples,
		Pairs: report.Pairs, Formats: report.ByFormat(), Skipped: report.Skipped, Notes: report.Notes}
	for _, f := range report.Files {
		if rel, err := filepath.Rel(t.Root, f); err == nil {
			f = filepath.ToSlash(rel)
		}
		e.From = append(e.From, f)
	}
	return e
}

func (t *Build) settings() settings {
	o := t.Options
	return settings{o.Split, o.Limit, o.MaxWords, o.NoThought, o.NoOptions}
}

func (t *Build) final() string  { return filepath.Join(t.Out, string(t.Options.Split)) }
func (t *Build) hidden() string { return filepath.Join(t.Out, "."+string(t.Options.Split)) }
func (t *Build) recordPath(name string) string {
	return filepath.Join(t.Out, recordsName, name+".json")
}
