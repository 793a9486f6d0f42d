package data_test

import (
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/primer-lm/primer/data"
)

// Lines that are no record are counted and named, not fatal; Options.Strict makes them so. "-" is standard input, given here
// as a string; paths, globs and folders are read the same way.
func ExampleDocuments() {
	in := strings.NewReader(`{"id":"a","text":"Tezikas lies by a river."}
{oops
{"words":"no text here"}

{"text":"Karifar is a hill.","title":"Karifar"}
`)
	var report data.Report
	for doc, err := range data.Documents([]string{data.Stdin}, data.Options{Stdin: in, Report: &report}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %q\n", doc.ID, doc.Text)
	}
	fmt.Println(report.Records, "records,", report.Broken, "broken,", report.Blank, "blank; the first in line", report.Problems[0].Line)
	// Output:
	// a: "Tezikas lies by a river."
	// <stdin>:5: "Karifar is a hill."
	// 2 records, 2 broken, 1 blank; the first in line 2
}

// An example is a text with its pairs; fields that Primer does not know are kept.
func ExampleExamples() {
	in := strings.NewReader(`{"text":"Tezikas lies by a river.","year":1907,` +
		`"pairs":[{"instruction":"Where is Tezikas?","response":"by a river"},` +
		`{"instruction":"What runs by it?","response":"a river","options":["a river","a road"]}]}`)
	out, err := data.NewWriter(os.Stdout, "out.jsonl") // a name in .gz or .zst would pack it
	if err != nil {
		log.Fatal(err)
	}
	for ex, err := range data.Examples([]string{data.Stdin}, data.Options{Stdin: in, Strict: true}) {
		if err != nil {
			log.Fatal(err)
		}
		for _, p := range ex.Pairs {
			fmt.Println(p.Format(), "|", p.Instruction)
		}
		ex.Pairs = ex.Pairs[1:]
		if err := out.Write(ex); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// free-form | Where is Tezikas?
	// multiple-choice | What runs by it?
	// {"id":"<stdin>:1","text":"Tezikas lies by a river.","pairs":[{"instruction":"What runs by it?","response":"a river","options":["a river","a road"]}],"year":1907}
}
