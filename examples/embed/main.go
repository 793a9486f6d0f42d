// Embed is a program that has an instruction synthesizer in it: it reads texts, one a line, and prints the pairs of each.
//
//	go run ./examples/embed -model runs/tune/checkpoints/step-300 < texts.txt
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"strconv"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/synth"
)

func main() {
	model := flag.String("model", "", "folder of the synthesizer")
	tokens := flag.Int("tokens", 200, "tokens generated for a text at most")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *model, *tokens, os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		os.Exit(1)
	}
}

// run augments the lines of in: two texts share a prompt, chains are computed side by side, results come in order.
func run(ctx context.Context, model string, tokens int, in io.Reader, out io.Writer) (err error) {
	s, err := synth.Open(ctx, model, synth.Rounds(synth.RoundOptions{Rounds: 2, MaxNewTokens: tokens}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var report synth.Report
	for augmented, err := range s.Run(ctx, lines(in)) {
		if err != nil {
			return err
		}
		report.Add(augmented)
		for _, chain := range augmented.Chains {
			for _, ex := range chain.Examples {
				fmt.Fprintf(out, "%s: %s\n", ex.ID, ex.Text)
				for _, p := range ex.Pairs {
					fmt.Fprintf(out, "  Q: %s\n  A: %s\n", p.Instruction, p.Response)
				}
			}
		}
	}
	return report.WriteText(out)
}

// lines gives each line as a document.
func lines(in io.Reader) iter.Seq2[data.Document, error] {
	return func(yield func(data.Document, error) bool) {
		scan := bufio.NewScanner(in)
		for n := 1; scan.Scan(); n++ {
			if !yield(data.Document{ID: strconv.Itoa(n), Text: scan.Text()}, nil) {
				return
			}
		}
		if err := scan.Err(); err != nil {
			yield(data.Document{}, err)
		}
	}
}
