package gpu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/primer-lm/primer/internal/durable"
)

// The files of a check, at most eight: these two, and what the conformance tests and compute-sanitizer printed.
const (
	summaryFile = "summary.md"
	recordsFile = "results.jsonl"
)

var toolFiles = []string{"conformance.txt", "memcheck.txt", "racecheck.txt"}

// save writes all files anew, after every step: whatever happens later, what was measured until now is there. The files of an
// earlier check that this one has not written yet are removed.
func (k *check) save() {
	summary := func(w io.Writer) error { _, err := io.WriteString(w, k.summary().Markdown()); return err }
	err := errors.Join(k.write(recordsFile, k.writeRecords), k.write(summaryFile, summary))
	for _, name := range toolFiles {
		text, ran := k.outputs[name]
		if !ran {
			if problem := durable.OS.Remove(filepath.Join(k.Out, name)); !errors.Is(problem, fs.ErrNotExist) {
				err = errors.Join(err, problem)
			}
			continue
		}
		err = errors.Join(err, k.write(name, func(w io.Writer) error { _, err := fmt.Fprintln(w, text); return err }))
	}
	k.failed = err // a later save that goes well has written everything
}

func (k *check) write(name string, f func(io.Writer) error) error {
	return durable.WriteFile(durable.OS, filepath.Join(k.Out, name), f)
}

func (k *check) writeRecords(w io.Writer) error {
	out := json.NewEncoder(w)
	for _, r := range k.records {
		if err := out.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// summary gathers what the tables are made of.
func (k *check) summary() *Summary {
	return &Summary{Began: k.began, Part: k.Part, Shapes: k.Shapes, Revision: revision(), Machine: k.machine,
		States: slices.Clone(k.states), Tests: k.tests, Records: k.records, Waiting: k.waiting}
}
