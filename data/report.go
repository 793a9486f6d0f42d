package data

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report counts what a reader met. One report may serve several readers in turn;
// it is not for concurrent use.
type Report struct {
	Files     int64 // files opened
	Bytes     int64 // of the files, as they lie on the disk: a measure of how far reading is
	Lines     int64 // lines read, blank ones included
	Records   int64 // records given out
	Blank     int64 // blank lines and empty text files
	Broken    int64 // lines skipped because they are no record
	Repaired  int64 // lines with invalid UTF-8, replaced by U+FFFD
	Unchecked int64 // compressed files without a checksum of their content: a flipped bit goes unseen
	// Skipped counts what is no text and was passed over, by reason: a web archive's requests, images, …
	Skipped  map[string]int64
	Problems []Problem
}

// Skip counts something that was passed over.
func (r *Report) Skip(reason string) {
	if r.Skipped == nil {
		r.Skipped = map[string]int64{}
	}
	r.Skipped[reason]++
}

// Problem is one line that was skipped or repaired.
type Problem struct {
	File   string
	Line   int64
	Reason string
}

// maxProblems is how many examples of problems a report keeps.
const maxProblems = 10

func (r *Report) problem(e *LineError) {
	if len(r.Problems) < maxProblems {
		reason := e.Err.Error()
		if errors.Is(e.Err, ErrBroken) {
			reason = trimBroken(e.Err)
		}
		r.Problems = append(r.Problems, Problem{e.File, e.Line, reason})
	}
}

// String gives the counts on one line and each kept problem on its own.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records from %d lines in %d files", r.Records, r.Lines, r.Files)
	for _, c := range []struct {
		n    int64
		what string
	}{
		{r.Broken, "broken lines skipped"},
		{r.Repaired, "lines with invalid UTF-8 repaired"},
		{r.Blank, "blank"},
		{r.Unchecked, "compressed files without a checksum"},
	} {
		if c.n > 0 {
			fmt.Fprintf(&b, ", %d %s", c.n, c.what)
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(&b, "\n  passed over, %s: %d", reason, r.Skipped[reason])
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "\n  %s:%d: %s", p.File, p.Line, p.Reason)
	}
	return b.String()
}
