package curate_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/curate"
	"github.com/primer-lm/primer/internal/durable"
)

// folder is a folder with three short documents, of which two say the same.
func folder() string {
	dir, err := os.MkdirTemp("", "curate")
	if err != nil {
		log.Fatal(err)
	}
	_, err = data.WriteFile(durable.OS, filepath.Join(dir, "raw.jsonl"), data.All([]data.Document{
		{ID: "1", Text: "The ferry  crossed the river every hour.\u200b"},
		{ID: "2", Text: "The ferry crossed the river\nevery hour."},
		{ID: "3", Text: "Nobody could say when the bridge was built."},
	}))
	if err != nil {
		log.Fatal(err)
	}
	return dir
}

// Stages may be left out and thresholds changed; the folder can be started again with other ones, and only what they touch runs.
func ExampleRun() {
	dir := folder()
	defer os.RemoveAll(dir)
	set := curate.Default()
	set.Stages = []string{curate.NormaliseStage, curate.QualityStage, curate.ExactStage}
	set.Quality.MinWords, set.Quality.MinStopWords = 5, 1
	opt := curate.Options{
		Dir:      filepath.Join(dir, "curated"),
		Settings: set,
		Source:   curate.Files([]string{filepath.Join(dir, "raw.jsonl")}, data.Options{}),
		Note:     func(text string) { fmt.Println(text) },
	}
	report, err := curate.Run(context.Background(), opt)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range report.Stages {
		fmt.Println(s.Stage, s.In.Documents, "in,", s.Out.Documents, "out,", s.Changed, "changed", s.Dropped)
	}
	opt.Settings.Quality.MinWords = 8
	if report, err = curate.Run(context.Background(), opt); err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Out.Documents, "left")
	// Output:
	// normalise runs: it has not run yet
	// quality runs: it has not run yet
	// exact runs: it has not run yet
	// normalise 3 in, 3 out, 1 changed map[]
	// quality 3 in, 3 out, 0 changed map[]
	// exact 3 in, 2 out, 0 changed map[exact duplicate:1]
	// normalise is done already
	// quality runs: its settings are others
	// exact runs: what it reads is other
	// 1 left
}

// What tuning data and evaluation sets share, whatever their blanks, symbols and case.
func ExampleFindOverlap() {
	dir := folder()
	defer os.RemoveAll(dir)
	write := func(name, text, question string) []string {
		path := filepath.Join(dir, name)
		ex := data.Example{Document: data.Document{ID: name, Text: text}, Pairs: []data.Pair{{Instruction: question, Response: "yes"}}}
		if _, err := data.WriteFile(durable.OS, path, data.All([]data.Example{ex})); err != nil {
			log.Fatal(err)
		}
		return []string{path}
	}
	report, err := curate.FindOverlap(context.Background(), curate.OverlapOptions{
		Tuning:     []curate.EvaluationSet{{Name: "pubmedqa", Paths: write("train.jsonl", "Tea was drunk by forty people.", "Does tea help?")}},
		Evaluation: []curate.EvaluationSet{{Name: "test", Paths: write("test.jsonl", "TEA was drunk\nby forty people", "Who drank it?")}},
	})
	if err != nil {
		log.Fatal(err)
	}
	o := report.Overlaps[0]
	fmt.Printf("%s and %s: same context %d (%.0f %%), same question %d\n", o.Tuning, o.Evaluation, o.Context.Items, 100*o.Context.Share, o.Question.Items)
	// Output:
	// pubmedqa and test: same context 1 (100 %), same question 0
}
