package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/datasets"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
)

// corpusDatasets is the verb that lists the public datasets.
func corpusDatasets(stdio IO) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:     "datasets",
		Short:   "List the public datasets that convert",
		Long:    "Datasets lists what corpus convert knows: names, forms of their pairs, licences, and the files of the train part as people\nfind them. Hugging Face's Parquet files, and JSON lines of the same rows, are read for all of them.",
		Example: "  corpus datasets\n  corpus datasets --json",
		Args:    noArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			var list []listed
			for _, d := range datasets.All() {
				list = append(list, listed{d.Name, d.Title, d.Role, d.Pairs, d.Native, d.Licence, d.HF, d.Expected(datasets.Train)})
			}
			return stdio.emit(asJSON, list, func(w io.Writer) { printDatasets(w, list) })
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// listed is one dataset as JSON.
type listed struct {
	Name    string        `json:"name"`
	Title   string        `json:"title"`
	Role    datasets.Role `json:"role"`
	Pairs   string        `json:"pairs"`
	Format  string        `json:"format"`
	Licence string        `json:"licence"`
	Where   string        `json:"where"`
	Files   string        `json:"files"`
}

func printDatasets(w io.Writer, list []listed) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "name\trole\tpairs\tformat\tlicence\twhere\tfiles")
	for _, d := range list {
		fmt.Fprintln(t, strings.Join([]string{d.Name, string(d.Role), d.Pairs, d.Format, d.Licence, d.Where, d.Files}, "\t"))
	}
	t.Flush()
}

// convert is the verb that turns datasets into examples.
type convert struct {
	stdio   IO
	opt     datasets.Options
	split   string
	all     string
	out     string
	heldOut bool
	whole   bool
	json    bool
	limit   int
}

func corpusConvert(stdio IO) *cobra.Command {
	c := &convert{stdio: stdio}
	cmd := &cobra.Command{
		Use:   "convert [NAME PATH]",
		Short: "Turn a public dataset, or all of them, into examples",
		Long: "Convert reads the files of a dataset, as they are published or as Hugging Face exports them, and writes one example a line: a\n" +
			"context with its pairs. PATH is a file, a glob or a folder; of a folder, the files of the split are taken. What was left out is\n" +
			"counted by reason.\n\n" +
			"With --all it builds the tuning set from a folder that has a folder for each dataset, called by its name: OUT/train/NAME.jsonl\n" +
			"and OUT/" + datasets.TuningManifest + ", at most 10,000 examples of each, those with most pairs. Datasets that are not there are named.\n" +
			"One that fails is named at the end and the others go on. A second start keeps what is done, mends what is damaged, and converts\n" +
			"again what has other files or options; OUT/train is there once the set is whole.",
		Example: "  corpus convert squad train-v1.1.json --out squad.jsonl\n" +
			"  corpus convert race RACE/ --split dev --out race-dev.jsonl.zst\n" +
			"  corpus convert --all downloads/ --out tuning",
		Args: func(_ *cobra.Command, args []string) error { return c.args(args) },
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.all != "" {
				return c.tuning(cmd.Context())
			}
			return c.one(cmd.Context(), args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.all, "all", "", "build the tuning set from this `folder` of datasets")
	f.StringVar(&c.out, "out", "", "`file` to write: .jsonl, also .gz or .zst; with --all a folder, which may be one to go on with")
	f.StringVar(&c.split, "split", string(datasets.Train), "part of a dataset: "+strings.Join(splitNames(), ", "))
	f.IntVar(&c.opt.MaxWords, "max-words", datasets.MaxWords, "longest context; longer ones are cut into windows")
	f.IntVar(&c.limit, "limit", 0, "examples of a dataset at most, those with most pairs; 0: all, with --all 10,000")
	f.BoolVar(&c.opt.NoThought, "no-thought", false, "leave chains of thought out")
	f.BoolVar(&c.opt.NoOptions, "no-options", false, "leave options out: multiple choice becomes free-form")
	f.BoolVar(&c.heldOut, "held-out", false, "with --all: the datasets that measure generalisation, not those for tuning")
	f.BoolVar(&c.whole, "complete", false, "with --all: a dataset that is missing is an error; otherwise it is named, here and in the manifest")
	f.BoolVar(&c.json, "json", false, "print the result as JSON")
	completes(cmd, "split", splitNames)
	return cmd
}

func splitNames() []string {
	var names []string
	for _, s := range datasets.Splits() {
		names = append(names, string(s))
	}
	return names
}

func (c *convert) args(args []string) error {
	switch {
	case c.out == "":
		return usage("--out is missing: where to write")
	case !slices.Contains(splitNames(), c.split):
		return usage("--split %q; there are %s", c.split, strings.Join(splitNames(), ", "))
	case c.opt.MaxWords < 1:
		return usage("--max-words %d is no length", c.opt.MaxWords)
	case c.limit < 0:
		return usage("--limit %d is no number of examples", c.limit)
	case c.all != "" && len(args) > 0:
		return usage("--all converts a whole folder; %q is not wanted", args[0])
	case c.all == "" && (c.heldOut || c.whole):
		return usage("--held-out and --complete go with --all")
	case c.all == "" && len(args) != 2:
		return usage("convert takes the name of a dataset and a path, or --all and a folder (names: corpus datasets)")
	}
	c.opt.Split, c.opt.Limit = datasets.Split(c.split), c.limit
	return nil
}

// converted is the result of one dataset as JSON.
type converted struct {
	Name     string                    `json:"name"`
	Split    datasets.Split            `json:"split"`
	Files    []string                  `json:"files"`
	Records  int64                     `json:"records"`
	Examples int64                     `json:"examples"`
	Pairs    int64                     `json:"pairs"`
	Formats  map[string]int64          `json:"formats"`
	Skipped  map[datasets.Reason]int64 `json:"skipped,omitempty"`
	Repaired int64                     `json:"repaired,omitempty"`
	Notes    []string                  `json:"notes,omitempty"`
	Problems []string                  `json:"problems,omitempty"`
}

func (c *convert) one(ctx context.Context, name, path string) error {
	d, err := datasets.Find(name)
	if err != nil {
		return fmt.Errorf("%w (see corpus datasets)", err)
	}
	var report datasets.Report
	line := progress.New(c.stdio.Err, "convert "+d.Name)
	examples := int64(0)
	_, err = data.WriteFile(durable.OS, c.out, func(yield func(data.Example, error) bool) {
		for ex, err := range d.Convert(ctx, path, c.opt, &report) {
			examples++
			line.Update(examples, 0)
			if !yield(ex, err) {
				return
			}
		}
	})
	line.Done()
	if err != nil {
		return err
	}
	result := converted{d.Name, c.opt.Split, report.Files, report.Records, report.Examples, report.Pairs, report.ByFormat(), report.Skipped,
		report.Repaired, report.Notes, nil}
	for _, p := range report.Problems {
		result.Problems = append(result.Problems, fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason))
	}
	return c.stdio.emit(c.json, result, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", c.out, &report) })
}

func (c *convert) tuning(ctx context.Context) error {
	if c.opt.Limit == 0 {
		c.opt.Limit = datasets.PerDataset
	}
	role := datasets.Tuning
	if c.heldOut {
		role = datasets.HeldOut
	}
	found, missing, err := datasets.Locate(c.all, role)
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return fmt.Errorf("%w: %s has no folder that is called by the name of one (see corpus datasets)", datasets.ErrMissing, c.all)
	case len(missing) > 0 && c.whole:
		return fmt.Errorf("%w in %s: %s", datasets.ErrMissing, c.all, strings.Join(missing, ", "))
	case len(missing) > 0:
		c.stdio.note("not in %s: %s", c.all, strings.Join(missing, ", "))
	}
	line := progress.New(c.stdio.Err, "convert")
	set := &datasets.Build{FS: durable.OS, Out: c.out, Root: c.all, Sources: found, Missing: missing, Options: c.opt, Note: c.stdio.note,
		Progress: func(name string, n int64) { line.Update(n, 0, progress.F("dataset", name)) }}
	m, err := set.Run(ctx)
	line.Done()
	if err != nil {
		return err
	}
	return c.stdio.emit(c.json, m, func(w io.Writer) { printTuning(w, c.out, m) })
}

func printTuning(w io.Writer, out string, m *datasets.Manifest) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "dataset\trecords\texamples\tpairs\tforms\tleft out")
	for _, d := range m.Datasets {
		var forms, skipped []string
		for _, f := range slices.Sorted(maps.Keys(d.Formats)) {
			forms = append(forms, fmt.Sprintf("%s %d", f, d.Formats[f]))
		}
		for _, why := range slices.Sorted(maps.Keys(d.Skipped)) {
			skipped = append(skipped, fmt.Sprintf("%s %d", why, d.Skipped[why]))
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\t%s\n", d.Name, d.Records, d.Examples, d.Pairs, strings.Join(forms, ", "), strings.Join(skipped, ", "))
	}
	t.Flush()
	fmt.Fprintf(w, "%s: %d examples with %d pairs of %d datasets, split %s\n", out, m.Examples, m.Pairs, len(m.Datasets), m.Split)
	if len(m.Missing) > 0 {
		fmt.Fprintf(w, "missing: %s\n", strings.Join(m.Missing, ", "))
	}
}
