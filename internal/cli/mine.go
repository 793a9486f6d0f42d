package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/mine"
	"github.com/primer-lm/primer/internal/durable"
	"github.com/primer-lm/primer/internal/progress"
)

// mining is the verb that makes reading comprehension by rules.
type mining struct {
	corpusFlags
	mine.Options
	kinds []string
}

func corpusMine(stdio IO) *cobra.Command {
	c := &mining{corpusFlags: corpusFlags{stdio: stdio}, Options: mine.Defaults()}
	cmd := &cobra.Command{
		Use:   "mine",
		Short: "Make reading comprehension out of raw English text by rules, without a model",
		Long: "Mine looks in raw texts for sentences that tell what follows from what, why, in which other words and what is meant by a\n" +
			"term, and writes each text with the tasks found in it, one chain a line: the baseline of instruction synthesis. A text in\n" +
			"which nothing is found is written as it is. Corpus template, tokenize and mix read the result with --kind chains.",
		Example: "  corpus mine --in raw/ --out mined.jsonl.zst\n  corpus mine --in raw.jsonl --kinds cause,definition --per-kind 4 --out mined.jsonl",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(true); err != nil {
				return err
			}
			return c.run(cmd.Context())
		},
	}
	c.bindReading(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&c.in, "in", nil, "raw documents: files, globs, folders or -")
	f.StringVar(&c.out, "out", "", "`file` to write: .jsonl, also .gz or .zst")
	f.BoolVar(&c.json, "json", false, "print the result as JSON")
	f.Uint64Var(&c.Seed, "seed", c.Seed, "of what is drawn: tasks, wordings, ends taken off")
	f.IntVar(&c.PerKind, "per-kind", c.PerKind, "tasks of one kind in a text at most")
	f.Float64Var(&c.Completion, "completion", c.Completion, "`share` of long enough texts whose last sentences are taken off, to be completed")
	f.StringSliceVar(&c.kinds, "kinds", nil, "kinds of tasks (default all): "+names(taskKinds()))
	completes(cmd, "kinds", taskKinds)
	return cmd
}

func taskKinds() []string {
	var out []string
	for _, k := range mine.Kinds() {
		out = append(out, string(k))
	}
	return out
}

func (c *mining) run(ctx context.Context) error {
	for _, k := range c.kinds {
		c.Kinds = append(c.Kinds, mine.Kind(k))
	}
	if c.PerKind < 1 {
		return usage("--per-kind %d; it must be at least 1", c.PerKind)
	}
	miner, err := mine.New(c.Options)
	if err != nil {
		return usage("%v", err)
	}
	var report data.Report
	var counts mine.Counts
	line := progress.New(c.stdio.Err, "mine")
	documents := checked(ctx, data.Documents(c.in, c.options(c.stdio, &report)))
	_, err = data.WriteFile(durable.OS, c.out, func(yield func(data.Chain, error) bool) {
		for chain, err := range miner.Chains(documents, &counts) {
			line.Update(counts.Documents, 0)
			if !yield(chain, err) {
				return
			}
		}
	})
	line.Done()
	c.stdio.problems(&report)
	if err != nil {
		return err
	}
	return c.stdio.emit(c.json, minedResult{counts.Documents, counts.Without, counts.Pairs, counts.Rules}, func(w io.Writer) { printMined(w, &counts) })
}

// minedResult is the result of mine as JSON.
type minedResult struct {
	Documents int64               `json:"documents"`
	Without   int64               `json:"without"` // documents without a task
	Pairs     map[mine.Kind]int64 `json:"pairs,omitempty"`
	Rules     map[string]int64    `json:"rules,omitempty"`
}

func printMined(w io.Writer, c *mine.Counts) {
	total := int64(0)
	for _, n := range c.Pairs {
		total += n
	}
	fmt.Fprintf(w, "%d texts with %d tasks; %d texts without any\n", c.Documents, total, c.Without)
	for _, rule := range slices.Sorted(maps.Keys(c.Rules)) {
		fmt.Fprintf(w, "  %s: %d\n", rule, c.Rules[rule])
	}
}
