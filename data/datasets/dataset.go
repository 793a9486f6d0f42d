package datasets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/primer-lm/primer/data"
)

// Errors of this package. Match them with errors.Is.
var (
	// ErrName: there is no dataset of that name.
	ErrName = errors.New("unknown dataset")
	// ErrMissing: a folder lacks datasets that were asked for.
	ErrMissing = errors.New("datasets are missing")
)

// Dataset is one public dataset and how its files become examples.
type Dataset struct {
	Name    string // what commands call it
	Title   string // as its authors write it
	HF      string // Hugging Face ids, or where else it is
	Native  string // format of the original release
	Pairs   string // forms of its pairs
	Licence string
	Role    Role
	also    []string // other names it goes by
	files   layout
	convert func(c *conversion) error
}

// Role is what a dataset is for.
type Role string

// The roles.
const (
	Tuning  Role = "tuning"   // one of the 34 that the paper tunes on
	HeldOut Role = "held out" // one of the 4 that measure generalisation
	Extra   Role = "extra"    // converts, and is in neither
)

// Expected names the files of a split as people find them.
func (d *Dataset) Expected(split Split) string {
	names := strings.Join(d.files[split], ", or ")
	if names == "" {
		return "Hugging Face's " + strings.Join(exported[split], ", or ")
	}
	return names
}

// Find gives a dataset by its name, an id on Hugging Face, or another name it goes by.
func Find(name string) (*Dataset, error) {
	key := fold(name)
	for _, d := range all {
		if fold(d.Name) == key || fold(d.Title) == key {
			return d, nil
		}
		for _, other := range append(d.also, strings.FieldsFunc(d.HF, func(r rune) bool { return r == ',' || r == ' ' })...) {
			if fold(other) == key {
				return d, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrName, name)
}

// fold leaves letters and digits.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// All lists the datasets in the order of the paper's figure, the held-out ones last.
func All() []*Dataset { return append([]*Dataset(nil), all...) }

// Options is how a dataset is converted. The zero value is the paper's way.
type Options struct {
	Split     Split // of a folder; "" is Train. A file that is named is taken as it is
	MaxWords  int   // longest context, in words; 0 is MaxWords
	Limit     int   // examples kept at most, those with most pairs; 0: all
	NoThought bool  // leave chains of thought out
	NoOptions bool  // leave options out
}

// Convert streams the examples of a dataset's files: path is a file, a glob, or a folder of
// the published layout. What was left out, and why, is in the report when the stream has
// ended. Equal files give equal examples.
func (d *Dataset) Convert(ctx context.Context, path string, opt Options, report *Report) iter.Seq2[data.Example, error] {
	return func(yield func(data.Example, error) bool) {
		stop := errors.New("stop")
		err := d.run(ctx, path, opt, report, func(ex data.Example) error {
			if !yield(ex, nil) {
				return stop
			}
			return nil
		})
		if err != nil && err != stop {
			yield(data.Example{}, err)
		}
	}
}

func (d *Dataset) run(ctx context.Context, path string, opt Options, report *Report, yield func(data.Example) error) error {
	if opt.Split == "" {
		opt.Split = Train
	}
	if opt.MaxWords == 0 {
		opt.MaxWords = MaxWords
	}
	files, err := d.pick(path, opt.Split)
	if err != nil {
		return err
	}
	report.Files = append(report.Files, files...)
	before := report.Examples
	give := func(ex data.Example) error {
		report.count(&ex)
		return yield(ex)
	}
	c := &conversion{ctx: ctx, set: d, opt: opt, root: rootOf(path, files), files: files, report: report, yield: give}
	if opt.Limit > 0 {
		err = c.limited(give)
	} else {
		err = d.convert(c)
	}
	report.Repaired += c.read.Repaired
	if c.read.Unchecked > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf("%d zstd files without a checksum: a flipped bit goes unseen", c.read.Unchecked))
	}
	if err == nil && report.Examples == before {
		err = fmt.Errorf("%w: %s: no example; %s", data.ErrEmpty, path, report)
	}
	return err
}

// limited converts everything and gives what is kept.
func (c *conversion) limited(give func(data.Example) error) error {
	kept := &most{n: c.opt.Limit}
	c.yield = func(ex data.Example) error { kept.add(ex); return nil }
	if err := c.set.convert(c); err != nil {
		return err
	}
	if kept.left > 0 {
		c.report.skip(OverLimit, "", 0, "")
		c.report.Skipped[OverLimit] += kept.left - 1
	}
	for _, r := range kept.inOrder() {
		if err := give(r.ex); err != nil {
			return err
		}
	}
	return nil
}
