// Filter is a program with a rule of its own about pairs: some are dropped as they are written, before later texts are prompted
// with them, and the scores that were recorded decide about the others afterwards, as often as one likes.
//
//	go run ./examples/filter -model runs/tune/checkpoints/step-300 < texts.txt
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

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
		fmt.Fprintln(os.Stderr, "filter:", err)
		os.Exit(1)
	}
}

// grounded keeps pairs whose response has a word of the text in it. It is called from many goroutines at once.
func grounded(text data.Document, p data.Pair) synth.Reason {
	of := strings.ToLower(text.Text)
	for _, word := range strings.Fields(strings.ToLower(p.Response)) {
		if strings.Contains(of, strings.Trim(word, ".,;:!?\"'")) {
			return ""
		}
	}
	return "no word of the text"
}

// run augments the lines of in, then filters what came out twice, without generating again.
func run(ctx context.Context, model string, tokens int, in io.Reader, out io.Writer) (err error) {
	s, err := synth.Open(ctx, model, synth.Rounds(synth.RoundOptions{Rounds: 2, MaxNewTokens: tokens}),
		synth.Keep(grounded), synth.Verification(synth.VerifyOptions{}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var docs []data.Document
	scan := bufio.NewScanner(in)
	for n := 1; scan.Scan(); n++ {
		docs = append(docs, data.Document{ID: strconv.Itoa(n), Text: scan.Text()})
	}
	if err := scan.Err(); err != nil {
		return err
	}
	var chains []data.Chain
	var report synth.Report
	for augmented, err := range s.Run(ctx, data.All(docs)) {
		if err != nil {
			return err
		}
		report.Add(augmented)
		chains = append(chains, augmented.Chains...)
	}
	if err := report.WriteText(out); err != nil {
		return err
	}
	for _, least := range []float64{0, 0.5} {
		kept, counts := synth.Filter(chains, synth.Thresholds{MinGain: &least, OptionsValid: true})
		fmt.Fprintf(out, "gain of at least %v: %d of %d pairs in %d chains\n", least, counts.Kept, counts.Pairs, len(kept))
	}
	return nil
}
