package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/report"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
)

// reporting is the verb that makes one page of a corpus.
type reporting struct {
	corpusFlags
	report.Options
	others []string
}

// reportPage is the page's file.
const reportPage = "report.html"

// maxSamples keeps a page of samples within what a browser opens at once: some 25 MB.
const maxSamples = 5000

func corpusReport(stdio IO) *cobra.Command {
	c := &reporting{corpusFlags: corpusFlags{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Make one page of what is in a corpus, with samples to read",
		Long: "Report reads texts, examples, chains or the folder of a synthesis and writes report.html, one page that opens without a\n" +
			"network, and report.json: sources, lengths, kinds of tasks, formats, domains as the records name them, copies, what the\n" +
			"reports of other steps beside the inputs counted (dropped by reason, contamination), and samples with their pairs marked.",
		Example: "  corpus report --in augmented --out report\n  corpus report --in corpus/ --samples 1000 --with decontamination/report.json --out report",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(true); err != nil {
				return err
			}
			if c.Samples < 0 || c.Samples > maxSamples {
				return usage("--samples %d; it may be 0 to %d", c.Samples, maxSamples)
			}
			return c.run(cmd.Context())
		},
	}
	c.bindReading(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&c.in, "in", nil, "records: files, globs, folders, the folder of a synthesis, or -")
	f.StringVar(&c.out, "out", "", "`folder` for report.html and report.json; an earlier report there is replaced")
	f.BoolVar(&c.json, "json", false, "print the result as JSON")
	f.IntVar(&c.Samples, "samples", 200, "records drawn to be read on the page")
	f.Uint64Var(&c.Seed, "seed", 1, "of that draw, and of the templates that they are rendered with")
	f.StringSliceVar(&c.templates, "templates", nil, "more template `files` for the samples, added to the embedded ones")
	f.StringVar(&c.templateSet, "template-set", fullSet, "the embedded templates: full, or small (the quickstart's, for tiny models)")
	f.StringSliceVar(&c.others, "with", nil, "more report `files` (JSON) whose counts the page shows, as of decontamination")
	completes(cmd, "template-set", func() []string { return []string{fullSet, smallSet} })
	return cmd
}

func (c *reporting) run(ctx context.Context) error {
	if err := c.free(); err != nil {
		return err
	}
	set, err := c.set()
	if err != nil {
		return err
	}
	c.Options.Templates = set
	beside, err := c.beside()
	if err != nil {
		return err
	}
	var met data.Report
	counter := report.New(c.Options)
	line := progress.New(c.stdio.Err, "report")
	read := int64(0)
	for chain, err := range checked(ctx, data.Chains(c.in, c.options(c.stdio, &met))) {
		if err != nil {
			line.Done()
			c.stdio.problems(&met)
			return err
		}
		counter.Add(&chain)
		if read++; read%256 == 0 {
			line.Update(read, 0)
		}
	}
	line.Done()
	c.stdio.problems(&met)
	r := counter.Report(c.in, &met)
	r.Beside = beside
	if err := c.write(r); err != nil {
		return err
	}
	return c.stdio.emit(c.json, r, func(w io.Writer) { printReport(w, r, filepath.Join(c.out, reportPage)) })
}

// beside reads the reports of other steps before hours are spent on reading. One that was asked for must be a report; one that merely
// lies there may be something else.
func (c *reporting) beside() ([]report.Beside, error) {
	var r report.Report
	found, err := report.FindBeside(c.in)
	if err != nil {
		return nil, err
	}
	for _, path := range found {
		err := r.AddBeside(path)
		if errors.Is(err, data.ErrFormat) || errors.Is(err, data.ErrLimit) {
			c.stdio.note("%v: left out", err)
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	err = r.AddBeside(c.others...)
	return r.Beside, err
}

// free refuses to write over a report.json that another step made.
func (c *reporting) free() error {
	path := filepath.Join(c.out, report.ReportName)
	_, foreign, err := report.ReadBeside(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case foreign || errors.Is(err, data.ErrFormat):
		return usage("--out %s: %s was made by another step: name another folder", c.out, path)
	}
	return err
}

func (c *reporting) write(r *report.Report) error {
	if info, err := os.Stat(c.out); err == nil && !info.IsDir() {
		return usage("--out %s is a file: name a folder", c.out)
	}
	err := durable.WriteFile(durable.OS, filepath.Join(c.out, reportPage), r.WriteHTML)
	if err != nil {
		return err
	}
	return durable.WriteFile(durable.OS, filepath.Join(c.out, report.ReportName), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	})
}

func printReport(w io.Writer, r *report.Report, page string) {
	fmt.Fprintf(w, "%d records: %d texts, %d with pairs, %d empty; %d pairs\n", r.Chains, r.Texts, r.WithPairs, r.Empty, r.Pairs)
	for _, format := range slices.Sorted(maps.Keys(r.Formats)) {
		fmt.Fprintf(w, "  %s: %d\n", format, r.Formats[format])
	}
	fmt.Fprintf(w, "%.1f words a text; %.1f%% of the texts are copies of another\n", r.TextWords.Mean(), 100*r.SameTexts.Share())
	fmt.Fprintf(w, "%s has it all, and %d samples\n", page, r.Sampled)
}
