package datasets

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/primer-lm/primer/data"
)

// Reason says why a record, a context or a pair was left out.
type Reason string

// The reasons. Each is counted where it is met: Broken for a record, NoPairs and NoText
// for a context, the others for a pair.
const (
	Broken      Reason = "broken record"
	NoText      Reason = "context is missing or empty"
	NoPairs     Reason = "context without a question"
	NoQuestion  Reason = "question is missing or empty"
	NoAnswer    Reason = "answer is missing or empty"
	NoOption    Reason = "answer is none of the options"
	Repeated    Reason = "question stands twice for one context"
	Unanswered  Reason = "marked as unanswerable"
	BadQuestion Reason = "marked as a bad question"
	NoPlace     Reason = "long context, place of the answer unknown"
	Outside     Reason = "answer lies outside its context"
	Unexplained Reason = "marked as without explanation"
	Picture     Reason = "needs a figure, a table or a picture"
	NoTable     Reason = "table or story file is missing"
	NoDocument  Reason = "no evidence document at hand holds the answer"
	OtherPart   Reason = "belongs to another split or subset"
	NoJoin      Reason = "record in the other file is missing"
	TooLong     Reason = "answer is too long"
	OverLimit   Reason = "example beyond the limit, others have more pairs"
)

// Report counts what a conversion met.
type Report struct {
	Files    []string
	Records  int64 // read, broken ones included
	Examples int64
	Pairs    int64
	Formats  [data.Formats]int64 // pairs of each form
	Skipped  map[Reason]int64
	Repaired int64 // records with invalid UTF-8, replaced by U+FFFD
	Notes    []string
	Problems []data.Problem // the first few things left out
}

// maxProblems is how many examples of each reason a report keeps.
const maxProblems = 3

func (r *Report) skip(why Reason, file string, n int64, detail string) {
	if r.Skipped == nil {
		r.Skipped = map[Reason]int64{}
	}
	if r.Skipped[why]++; r.Skipped[why] <= maxProblems && file != "" {
		if detail != "" {
			detail = ": " + detail
		}
		r.Problems = append(r.Problems, data.Problem{File: file, Line: n, Reason: string(why) + detail})
	}
}

// count adds an example that was given out.
func (r *Report) count(ex *data.Example) {
	r.Examples++
	r.Pairs += int64(len(ex.Pairs))
	for i := range ex.Pairs {
		r.Formats[ex.Pairs[i].Format()]++
	}
}

// ByFormat gives the pairs of each form that occurs.
func (r *Report) ByFormat() map[string]int64 {
	out := map[string]int64{}
	for f, n := range r.Formats {
		if n > 0 {
			out[data.Format(f).String()] = n
		}
	}
	return out
}

// String gives counts, reasons and the first problems, one a line.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d examples with %d pairs from %d records in %d files", r.Examples, r.Pairs, r.Records, len(r.Files))
	for f, n := range r.Formats {
		if n > 0 {
			fmt.Fprintf(&b, "\n  %s: %d", data.Format(f), n)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(&b, "\n  left out, %s: %d", why, r.Skipped[why])
	}
	if r.Repaired > 0 {
		fmt.Fprintf(&b, "\n  records with invalid UTF-8 repaired: %d", r.Repaired)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "\n  note: %s", note)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "\n  %s:%d: %s", p.File, p.Line, p.Reason)
	}
	return b.String()
}
