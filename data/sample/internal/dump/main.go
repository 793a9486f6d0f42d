// Command dump prints what make_tokenizer.py learns the sample's tokenizer from:
// a line with the syllables of names, then texts, one JSON string a line: tuning
// examples of the world as the synthesizer sees them, evaluation prompts, and doc
// comments of the Go distribution.
//
//	go run ./data/sample/internal/dump > dump.jsonl
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/data/sample"
)

func main() {
	seed := flag.Uint64("seed", 1, "seed of the world")
	texts := flag.Int("texts", 4000, "world documents")
	examples := flag.String("examples", "", "instead print the examples of this split, or go-train, go-unseen")
	flag.Parse()
	var err error
	if *examples != "" {
		err = dumpExamples(*seed, *examples)
	} else {
		err = dumpText(*seed, *texts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dump:", err)
		os.Exit(1)
	}
}

// dumpText prints what make_tokenizer.py reads.
func dumpText(seed uint64, texts int) error {
	world := sample.NewWorld(seed, sample.Options{})
	out := bufio.NewWriter(os.Stdout)
	enc := json.NewEncoder(out)
	if err := enc.Encode(map[string]any{"syllables": sample.Syllables()}); err != nil {
		return err
	}
	for _, e := range world.Tuning(sample.Train)[:texts] {
		if err := enc.Encode(render(&e)); err != nil {
			return err
		}
	}
	for i, item := range world.ClosedBook() {
		if i%8 == 0 {
			if err := enc.Encode(item.Prompt); err != nil {
				return err
			}
		}
	}
	docs, err := sample.GoDocs("", sample.GoOptions{})
	if err != nil {
		return err
	}
	for _, e := range docs.Train {
		if err := enc.Encode(render(&e)); err != nil {
			return err
		}
	}
	return out.Flush()
}

// dumpExamples prints examples as JSON lines.
func dumpExamples(seed uint64, split string) error {
	out := bufio.NewWriter(os.Stdout)
	var all []data.Example
	switch split {
	case "go-train", "go-unseen":
		docs, err := sample.GoDocs("", sample.GoOptions{Seed: seed})
		if err != nil {
			return err
		}
		if all = docs.Train; split == "go-unseen" {
			all = docs.Unseen
		}
	default:
		all = sample.NewWorld(seed, sample.Options{}).Tuning(sample.Split(split))
	}
	enc := json.NewEncoder(out)
	for i := range all {
		if err := enc.Encode(&all[i]); err != nil {
			return err
		}
	}
	return out.Flush()
}

// render is the synthesizer's text of one example, without its special tokens.
func render(e *data.Example) string {
	var b strings.Builder
	fmt.Fprintf(&b, " <CON> %s </CON>", e.Text)
	for _, p := range e.Pairs {
		fmt.Fprintf(&b, "\n\n<QUE> %s", p.Instruction)
		if len(p.Options) > 0 {
			b.WriteString("\nOptions:\n- " + strings.Join(p.Options, "\n- "))
		}
		if p.Thought != "" {
			fmt.Fprintf(&b, "\nLet's think step by step. <ANS> %s\nTherefore, the answer is %s </END>", p.Thought, p.Response)
		} else {
			fmt.Fprintf(&b, " <ANS> %s </END>", p.Response)
		}
	}
	return b.String()
}
