package curate

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/primer-lm/primer/internal/durable"
)

// Report is what a whole curation did: report.json.
type Report struct {
	Version int           `json:"version"`
	Input   string        `json:"input_sha256"` // the key of the source
	In      Size          `json:"in"`
	Out     Size          `json:"out"`
	Stages  []StageReport `json:"stages"`
	Result  Result        `json:"result"`
}

// StageReport is one stage of a report.
type StageReport struct {
	Stage string `json:"stage"`
	Counts
}

// Result is the file that came out.
type Result struct {
	File string      `json:"file"`
	Sum  durable.Sum `json:"sum"`
}

func newReport(key string, stages []string, records []*Record) *Report {
	r := &Report{Version: version, Input: key, In: records[0].Counts.In}
	for i, rec := range records {
		r.Stages = append(r.Stages, StageReport{stages[i], rec.Counts})
		r.Out, r.Result = rec.Counts.Out, Result{resultName, rec.Output}
	}
	return r
}

// ReadReport reads the report of a whole curation: fs.ErrNotExist where it is not whole.
func ReadReport(fsys durable.FS, path string) (*Report, error) {
	r := &Report{}
	if err := readJSON(fsys, path, r); err != nil {
		return nil, err
	}
	if r.Version != version {
		return nil, fmt.Errorf("%s: %w: version %d, this program knows %d", path, ErrNotCuration, r.Version, version)
	}
	return r, nil
}

// Print gives the report to people.
func (r *Report) Print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "stage\tdocuments\tkept\tMB\tkept\tchanged")
	for _, s := range r.Stages {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f\t%.1f\t%d\n", s.Stage, s.In.Documents, s.Out.Documents, mb(s.In.Bytes), mb(s.Out.Bytes), s.Changed)
	}
	t.Flush()
	for _, s := range r.Stages {
		for _, why := range slices.Sorted(maps.Keys(s.Dropped)) {
			fmt.Fprintf(w, "  %s dropped, %s: %d\n", s.Stage, why, s.Dropped[why])
		}
		if s.Cleaned != nil {
			s.Cleaned.print(w)
		}
	}
	fmt.Fprintf(w, "%d of %d documents, %.1f of %.1f MB of text\n", r.Out.Documents, r.In.Documents, mb(r.Out.Bytes), mb(r.In.Bytes))
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }
