package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/eval/metric"
)

// perplexity is the verb that scores whole texts.
func perplexity(stdio IO) *cobra.Command {
	s := &scorer{stdio: stdio}
	var t texts
	cmd := &cobra.Command{
		Use:     "perplexity",
		Short:   "Perplexity and bits per byte of texts",
		Long:    "Perplexity scores whole texts, each after BOS, in windows: every token is predicted once, with up to a window before it.",
		Example: "  evaluate perplexity --model DIR --in held-out.jsonl\n  evaluate perplexity --model DIR --in 'texts/*.txt' --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), true, func(ctx context.Context) error { return s.perplexity(ctx, &t) })
		},
	}
	s.bind(cmd, "texts: files, globs, folders or -")
	t.bindReading(cmd)
	return cmd
}

func (s *scorer) perplexity(ctx context.Context, t *texts) error {
	var report data.Report
	got, err := eval.Perplexity(ctx, s, s.enc, func(yield func(string, error) bool) {
		for d, err := range data.Documents(s.in, t.options(s.stdio, &report)) {
			if !yield(d.Text, err) || err != nil {
				return
			}
		}
	})
	s.stdio.problems(&report)
	if err != nil {
		return err
	}
	return s.stdio.emit(s.json, got, func(w io.Writer) {
		fmt.Fprintf(w, "perplexity %.4f, %.4f bits per byte, over %d tokens of %d texts\n", got.Perplexity, got.BitsByte, got.Tokens, got.Texts)
	})
}

// choice is the verb for multiple-choice items.
func choice(stdio IO) *cobra.Command {
	s := &scorer{stdio: stdio}
	cmd := &cobra.Command{
		Use:   "choice",
		Short: "Accuracy on multiple-choice items, by log-likelihood",
		Long: "Choice scores every option as the continuation of its prompt. Items are JSON lines:\n" +
			`  {"id": "1", "prompt": "Question: …\nAnswer:", "options": ["yes", "no"], "answer": 0, "kind": "optional"}`,
		Example: "  evaluate choice --model DIR --in items.jsonl --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), true, s.choice)
		},
	}
	s.bind(cmd, "items: JSON lines `files`, or -")
	return cmd
}

func (s *scorer) choice(ctx context.Context) error {
	var items []eval.Item
	for _, path := range s.in {
		more, err := readItems(s.stdio, path)
		if err != nil {
			return err
		}
		items = append(items, more...)
	}
	if len(items) == 0 {
		return fmt.Errorf("%w: no item in %s", data.ErrEmpty, names(s.in))
	}
	got, err := eval.MultipleChoice(ctx, s, s.enc, items)
	if err != nil {
		return err
	}
	return s.stdio.emit(s.json, got, func(w io.Writer) { printChoices(w, &got) })
}

func printChoices(w io.Writer, got *eval.Choices) {
	for _, row := range []struct {
		name  string
		score metric.Score
	}{{"by sum (acc)", got.Acc}, {"by characters (acc_norm)", got.AccNorm}, {"by tokens", got.AccMean}} {
		fmt.Fprintf(w, "%-25s %.4f ± %.4f\n", row.name, row.score.Mean, row.score.Stderr)
	}
	fmt.Fprintf(w, "%-25s %.4f\n%-25s %d, BOS %v\n", "chance", got.Chance, "items", got.Acc.N, got.BOS)
	var kinds []string
	for kind := range got.ByKind {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	for _, kind := range kinds {
		if kind != "" {
			fmt.Fprintf(w, "  %-23s %.4f ± %.4f (%d, by tokens)\n", kind, got.ByKind[kind].Mean, got.ByKind[kind].Stderr, got.ByKind[kind].N)
		}
	}
}

// readItems reads multiple-choice items. Every line must be good.
func readItems(stdio IO, path string) ([]eval.Item, error) {
	in := stdio.In
	if path != data.Stdin {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", data.ErrNoFile, err)
		}
		defer f.Close()
		in = f
	}
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 64<<10), data.MaxLine)
	var items []eval.Item
	line := int64(0)
	bad := func(err error) error { return &data.LineError{File: path, Line: line, Err: err} }
	for scan.Scan() {
		line++
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		var it eval.Item
		if err := json.Unmarshal(scan.Bytes(), &it); err != nil {
			return nil, bad(fmt.Errorf("%w: %w", data.ErrBroken, err))
		}
		if len(it.Options) < 2 || it.Answer < 0 || it.Answer >= len(it.Options) {
			return nil, bad(fmt.Errorf("%w: %d options and answer %d: at least two options, and the right one's index from 0", data.ErrBroken, len(it.Options), it.Answer))
		}
		items = append(items, it)
	}
	if err := scan.Err(); err != nil {
		return nil, bad(fmt.Errorf("%w: %w", data.ErrStream, err))
	}
	return items, nil
}
