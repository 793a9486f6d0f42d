package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/curate"
	"github.com/primer-lm/primer/data/datasets"
	"github.com/primer-lm/primer/data/records"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
)

// curation is the verb that cleans and filters documents.
type curation struct {
	corpusFlags
	config      string
	printConfig bool
	skip, rerun []string
	eval        []string
	keepDropped bool
	seed        uint64
}

func corpusCurate(stdio IO) *cobra.Command {
	c := &curation{corpusFlags: corpusFlags{stdio: stdio}}
	cmd := &cobra.Command{
		Use:   "curate",
		Short: "Clean, filter, deduplicate and decontaminate raw documents",
		Long: "Curate brings documents through stages: normalise, language, quality, exact duplicates, near duplicates, decontaminate. OUT is a\n" +
			"folder: curated.jsonl.zst is the result, report.json counts what was dropped by stage and reason, stages/ has what each stage\n" +
			"kept. The same command goes on where it was stopped and repairs what is damaged; with another threshold, that stage and those\n" +
			"after it run again. Thresholds stand in a file, --print-config shows the default one.",
		Example: "  corpus curate --in raw/ --out curated --eval pubmedqa=eval/pubmedqa.jsonl --keep-dropped\n" +
			"  corpus curate --print-config > curate.toml\n" +
			"  corpus curate --in raw/ --out curated --config curate.toml --skip language,decontaminate",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.printConfig {
				fmt.Fprint(stdio.Out, curate.DefaultText)
				return nil
			}
			if err := c.check(true); err != nil {
				return err
			}
			set, err := c.settings(cmd.Flags().Changed("seed"))
			if err != nil {
				return err
			}
			return c.run(cmd.Context(), set)
		},
	}
	c.bindReading(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&c.in, "in", nil, "documents: files, globs or folders")
	f.StringVar(&c.out, "out", "", "`folder` of the curation: new, or to go on with")
	f.BoolVar(&c.json, "json", false, "print the report as JSON")
	f.StringVar(&c.config, "config", "", "TOML `file` with stages and thresholds, over the default one")
	f.BoolVar(&c.printConfig, "print-config", false, "print the default file, with what every key means, and do nothing else")
	f.StringSliceVar(&c.skip, "skip", nil, "`stages` to leave out: "+strings.Join(curate.StageNames(), ", "))
	f.StringSliceVar(&c.rerun, "rerun", nil, "`stages` to run although they are done")
	f.StringArrayVar(&c.eval, "eval", nil, "evaluation set of examples to take out, `NAME=PATH`; several times for several")
	f.BoolVar(&c.keepDropped, "keep-dropped", false, "write what each stage drops to OUT/dropped, with reason, value and threshold")
	f.Uint64Var(&c.seed, "seed", 1, "of MinHash and of the pieces of evaluation sets")
	completes(cmd, "skip", curate.StageNames)
	completes(cmd, "rerun", curate.StageNames)
	return cmd
}

// settings is the default file, over it that of --config, over that the flags.
func (c *curation) settings(seeded bool) (curate.Settings, error) {
	set := curate.Default()
	var err error
	if c.config != "" {
		// Evaluation sets may still come by flag: what is missing is checked below.
		if set, err = curate.ReadSettings(c.config); err != nil && !errors.Is(err, curate.ErrNoSet) {
			return set, err
		}
	}
	if seeded {
		set.Seed = c.seed
	}
	more, err := namedSets(c.eval, "eval", data.Options{Tables: records.Tables(), Store: c.stdio.store()})
	if err != nil {
		return set, err
	}
	set.Decontaminate.Sets = append(set.Decontaminate.Sets, more...)
	if set, err = set.Without(c.skip...); err != nil {
		return set, err
	}
	for i := range set.Decontaminate.Sets {
		set.Decontaminate.Sets[i].Read.Tables, set.Decontaminate.Sets[i].Read.Store = records.Tables(), c.stdio.store()
		paths := set.Decontaminate.Sets[i].Paths
		for j := range paths { // so that the resolved file in OUT names the same ones
			if data.IsObject(paths[j]) {
				continue
			}
			if paths[j], err = filepath.Abs(paths[j]); err != nil {
				return set, err
			}
		}
	}
	if len(set.Decontaminate.Sets) == 0 && slices.Contains(set.Stages, curate.CleanStage) {
		return set, usage("stage decontaminate has no evaluation set: name one with --eval NAME=PATH or in --config, or --skip decontaminate")
	}
	return set, set.Check()
}

func (c *curation) run(ctx context.Context, set curate.Settings) error {
	src := curate.Files(c.in, c.options(c.stdio, nil))
	read, last := src.Documents, &data.Report{}
	src.Documents = func(report *data.Report) iter.Seq2[data.Document, error] {
		last = report
		return read(report)
	}
	var line *progress.Line
	stage := ""
	done := func() {
		if line != nil {
			line.Done()
		}
	}
	report, err := curate.Run(ctx, curate.Options{Dir: c.out, Settings: set, Source: src, KeepDropped: c.keepDropped, Rerun: c.rerun,
		Note: func(text string) { done(); line = nil; c.stdio.note("%s", text) },
		Progress: func(name string, documents int64) {
			if line == nil || name != stage {
				done()
				line, stage = progress.New(c.stdio.Err, "curate "+name), name
			}
			line.Update(documents, 0)
		}})
	done()
	c.stdio.problems(last)
	if err != nil {
		return err
	}
	return c.stdio.emit(c.json, report, func(w io.Writer) {
		report.Print(w)
		fmt.Fprintf(w, "%s\n", filepath.Join(c.out, report.Result.File))
	})
}

// namedSets reads NAME=PATH arguments. The same name joins paths. A path alone is named after its file; a folder alone is one set for
// each file in it.
func namedSets(args []string, flag string, opt data.Options) ([]curate.EvaluationSet, error) {
	var sets []curate.EvaluationSet
	add := func(name, path string) {
		i := slices.IndexFunc(sets, func(s curate.EvaluationSet) bool { return s.Name == name })
		if i < 0 {
			sets, i = append(sets, curate.EvaluationSet{Name: name, Read: opt}), len(sets)
		}
		sets[i].Paths = append(sets[i].Paths, path)
	}
	from := map[string]string{} // the argument that a name comes from, where it is a file's
	for _, arg := range args {
		name, path, named := strings.Cut(arg, "=")
		switch {
		case named && name != "" && path != "":
			add(name, path)
			continue
		case named || arg == "" || arg == data.Stdin:
			return nil, usage("--%s %q: give NAME=PATH, or a path", flag, arg)
		}
		files, err := data.Files([]string{arg}, opt)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if base := filepath.Base(file); base != durable.ManifestName && base != datasets.TuningManifest {
				name, _, _ := strings.Cut(base, ".")
				if before, ok := from[name]; ok && before != arg {
					return nil, usage("--%s: %s and %s both have a set %q: give NAME=PATH", flag, before, arg, name)
				}
				from[name] = arg
				add(name, file)
			}
		}
	}
	return sets, nil
}
