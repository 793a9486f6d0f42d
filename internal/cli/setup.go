package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/internal/setup"
)

// Setup is the verb for what cmd/setup does alone: that program needs no C, so it can run before anything else builds.
func Setup(stdio IO) *cobra.Command {
	return &cobra.Command{
		Use:                "setup",
		Short:              "Prepare a machine to build programs that embed Primer",
		Example:            "  primer setup",
		DisableFlagParsing: true, // it reads its own
		RunE: func(cmd *cobra.Command, args []string) error {
			if code := setup.Main(cmd.Context(), args, stdio.Out, stdio.Err); code != exitDone {
				return &codeError{code}
			}
			return nil
		},
	}
}

// codeError is a failure that was told about, with its exit code.
type codeError struct{ code int }

func (e *codeError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

func (e *codeError) Unwrap() error { return errQuiet }
