package report_test

import (
	"fmt"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/report"
)

// A corpus is counted record by record; the page has the figures, and samples to read.
func Example() {
	c := report.New(report.Options{Samples: 100, Seed: 1})
	c.Add(&data.Chain{ID: "1", Examples: []data.Example{{
		Document: data.Document{Text: "Kalomir lies by the river Bor.", Source: "towns"},
		Pairs:    []data.Pair{{Instruction: "Where does Kalomir lie?", Response: "by the river Bor"}},
	}}})
	c.Add(&data.Chain{ID: "2", Examples: []data.Example{{Document: data.Document{Text: "kalomir lies by the river Bor."}}}})
	r := c.Report([]string{"corpus.jsonl"}, &data.Report{Files: 1})
	fmt.Println(r.Texts, "texts,", r.Pairs, "pair,", r.Formats)
	fmt.Println(r.SameTexts.Distinct, "distinct")
	var page strings.Builder
	if err := r.WriteHTML(&page); err != nil {
		fmt.Println(err)
	}
	fmt.Println(strings.HasPrefix(page.String(), "<!doctype html>"))
	// Output:
	// 2 texts, 1 pair, map[free-form:1]
	// 1 distinct
	// true
}
