// Channel is a program that gets its texts one by one, from other goroutines, and gives back the pairs of each as soon as they
// are written: a chain begins with its first text and does not wait for the others. Here the texts are the lines of standard
// input, typed or piped.
//
//	go run ./examples/channel -model runs/tune/checkpoints/step-300
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
		fmt.Fprintln(os.Stderr, "channel:", err)
		os.Exit(1)
	}
}

// run synthesizes from a channel that a goroutine fills. Sending blocks while the synthesizer is behind: that is all the
// backpressure there is to program.
func run(ctx context.Context, model string, tokens int, in io.Reader, out io.Writer) (err error) {
	s, err := synth.Open(ctx, model, synth.Rounds(synth.RoundOptions{Rounds: 1, MaxNewTokens: tokens}), synth.InFlight(4))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends feed where run ends early
	docs := make(chan data.Document)
	failed := make(chan error, 1)
	go func() { failed <- feed(ctx, in, docs) }()
	for augmented, err := range s.RunChannel(ctx, docs) {
		switch {
		case errors.Is(err, synth.ErrTooLong):
			return fmt.Errorf("raise the window or lower -tokens: %w", err)
		case err != nil:
			return err
		}
		for _, text := range augmented.Texts {
			fmt.Fprintf(out, "%s: %s (%d tokens written)\n", text.Document.ID, text.Document.Text, text.New)
			for _, p := range text.Parsed.Pairs {
				fmt.Fprintf(out, "  Q: %s\n  A: %s\n", p.Instruction, p.Response)
			}
		}
	}
	return <-failed
}

// feed sends every line, and closes the channel behind the last.
func feed(ctx context.Context, in io.Reader, docs chan<- data.Document) error {
	defer close(docs)
	scan := bufio.NewScanner(in)
	for n := 1; scan.Scan(); n++ {
		select {
		case docs <- data.Document{ID: strconv.Itoa(n), Text: scan.Text()}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return scan.Err()
}
