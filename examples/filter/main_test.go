package main

import (
	"context"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/examples/internal/tiny"
)

func TestFilter(t *testing.T) {
	dir, err := tiny.Synthesizer(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(context.Background(), dir, 16, strings.NewReader("Kalomir lies by a river.\nJoin joins paths.\n"), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"texts 2 (", "gain of at least 0:", "gain of at least 0.5:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %s", want, out.String())
		}
	}
}

func TestGrounded(t *testing.T) {
	text := data.Document{Text: "Kalomir lies by a River."}
	if why := grounded(text, data.Pair{Response: "The river."}); why != "" {
		t.Errorf("dropped: %s", why)
	}
	if why := grounded(text, data.Pair{Response: "Unknown"}); why == "" {
		t.Error("kept")
	}
}
