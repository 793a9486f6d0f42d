package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/data"
)

// IO is what a command reads and writes; tests replace it. Results go to Out and nothing else does; progress, notes and errors go
// to Err.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
}

// note tells people something on Err.
func (s IO) note(format string, args ...any) { fmt.Fprintf(s.Err, format+"\n", args...) }

// Main runs one command as a process: the first interrupt asks it to finish its step and save, a second one ends it at once.
// It does not return.
func Main(build func(IO) *cobra.Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the next signal has its usual effect
	os.Exit(Run(ctx, build, IO{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]))
}

// Run runs one command and returns its exit code. Errors are printed once, on stdio.Err.
func Run(ctx context.Context, build func(IO) *cobra.Command, stdio IO, args []string) int {
	stdio.In = &interruptible{ctx: ctx, in: stdio.In}
	cmd := build(stdio)
	cmd.PersistentPreRunE = onlyLocal
	cmd.SetIn(stdio.In)
	cmd.SetOut(stdio.Out)
	cmd.SetErr(stdio.Err)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage("%v (see %s -h)", err, c.CommandPath())
	})
	ran, err := cmd.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	code := exitCode(err)
	if code == exitFailure && strings.HasPrefix(err.Error(), "unknown command") {
		code = exitUsage
	}
	if !errors.Is(err, errQuiet) {
		stdio.note("%s: %v", ran.CommandPath(), err)
	}
	return code
}

// Primer is the command that has all others as verbs.
func Primer(stdio IO) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "primer",
		Short: "Instruction Pre-Training: tune a synthesizer, augment corpora, pre-train",
		Long: "Primer tunes an instruction synthesizer, uses it to add instruction–response pairs to raw corpora, and pre-trains\n" +
			"Llama and Mistral style models on the mixture.",
		Args: verbWanted,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, build := range []func(IO) *cobra.Command{Quickstart, Pretrain, Tune, Synthesize, Corpus, Evaluate, Serve, Setup, Version} {
		cmd.AddCommand(build(stdio))
	}
	return cmd
}

// onlyLocal refuses to write to object storage, which is only read.
func onlyLocal(cmd *cobra.Command, _ []string) error {
	if f := cmd.Flags().Lookup("out"); f != nil && data.IsObject(f.Value.String()) {
		return usage("--out %s: object storage is read, not written: write to a folder and copy it", f.Value)
	}
	return nil
}

// noArgs refuses stray words with the right exit code.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("unexpected argument %q (see %s -h)", args[0], cmd.CommandPath())
	}
	return nil
}

// verbWanted refuses words that are no verb of a command that has verbs.
func verbWanted(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var verbs []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			verbs = append(verbs, sub.Name())
		}
	}
	return usage("unknown command %q; there are %s (see %s -h)", args[0], strings.Join(verbs, ", "), cmd.CommandPath())
}
