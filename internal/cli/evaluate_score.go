package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/eval"
	"github.com/primer-lm/primer/internal/durable"
)

// score is the verb that computes log-probabilities of given continuations.
func score(stdio IO) *cobra.Command {
	s := &scorer{stdio: stdio}
	var out string
	cmd := &cobra.Command{
		Use:   "score",
		Short: "Log-probabilities of given continuations, JSON lines in and out",
		Long: "Score reads JSON lines with prompt_ids and continuation_ids, or prompt and continuation, and writes one line for each,\n" +
			"in order: logprobs, a natural log-probability for each continuation token, and greedy, whether every one of them was\n" +
			"the most probable. Lines of ids need no tokenizer.json. A folder stored in f32 is computed in f32.\n\n" +
			"White space at the end of a prompt belongs to the continuation; what exceeds the window is cut off on the left.",
		Example: "  evaluate score --model DIR --in requests.jsonl --out scores.jsonl\n" +
			`  echo '{"prompt_ids":[1,15],"continuation_ids":[7]}' | evaluate score --model DIR --in -`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.with(cmd.Context(), false, func(ctx context.Context) error { return s.scoreLines(ctx, out) })
		},
	}
	s.bind(cmd, "one JSON lines `file`, or - for standard input")
	cmd.Flags().StringVar(&out, "out", data.Stdin, "`file` to write, whole or not at all; -: standard output")
	return cmd
}

func (s *scorer) scoreLines(ctx context.Context, out string) error {
	if len(s.in) != 1 {
		return usage("--in: score reads one file, %d were given", len(s.in))
	}
	in, name := s.stdio.In, "standard input"
	if s.in[0] != data.Stdin {
		f, err := os.Open(s.in[0])
		if err != nil {
			return fmt.Errorf("%w: %w", data.ErrNoFile, err)
		}
		defer f.Close()
		in, name = f, s.in[0]
	}
	run := func(w io.Writer) error {
		_, err := eval.ScoreLines(ctx, s, s.enc, s.folder.Config.VocabSize, name, in, w)
		return err
	}
	if out == data.Stdin {
		return run(s.stdio.Out)
	}
	return durable.WriteFile(durable.OS, out, run)
}
