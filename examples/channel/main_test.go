package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/primer-lm/primer/examples/internal/tiny"
)

// A text that comes alone is answered before the next is sent, and an interrupt ends a run whose input stays open.
func TestChannel(t *testing.T) {
	dir, err := tiny.Synthesizer(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	in, feed := io.Pipe()
	read, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, dir, 16, in, out)
		out.Close()
	}()
	answers := bufio.NewScanner(read)
	for _, text := range []string{"1: Kalomir lies by a river.", "2: Join joins paths."} {
		if _, err := io.WriteString(feed, text[3:]+"\n"); err != nil {
			t.Fatal(err)
		}
		for answers.Scan() && !strings.HasPrefix(answers.Text(), text) {
		}
		if !strings.HasPrefix(answers.Text(), text) {
			t.Fatalf("no answer to %q", text)
		}
	}
	cancel()
	go io.Copy(io.Discard, read)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	feed.Close()
}
