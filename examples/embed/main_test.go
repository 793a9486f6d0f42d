package main

import (
	"context"
	"strings"
	"testing"

	"github.com/primer-lm/primer/examples/internal/tiny"
)

func TestEmbed(t *testing.T) {
	dir, err := tiny.Synthesizer(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(context.Background(), dir, 16, strings.NewReader("Kalomir lies by a river.\nJoin joins paths.\nOne more.\n"), &out); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	first, second, third := strings.Index(got, "1: Kalomir"), strings.Index(got, "2: Join"), strings.Index(got, "3: One")
	if first < 0 || second < first || third < second || !strings.Contains(got, "texts 3 (") {
		t.Errorf("output: %s", got)
	}
}

func TestEmbedSaysWhichFolderIsMissing(t *testing.T) {
	err := run(context.Background(), "nowhere", 16, strings.NewReader("a\n"), &strings.Builder{})
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("%v", err)
	}
}
