package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/primer-lm/primer/kernels/cuda"
)

// built is what a binary knows of itself.
type built struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	CUDA     bool   `json:"cuda"`
}

// Version is the command that says what this binary is.
func Version(stdio IO) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Say what this binary is", Example: "  primer version --json", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := buildInfo()
			return stdio.emit(asJSON, v, func(w io.Writer) {
				fmt.Fprintf(w, "primer %s %s %s %s, CUDA %v\n", v.Version, v.Revision, v.Go, v.Platform, v.CUDA)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

func buildInfo() built {
	v := built{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CUDA: cuda.Built}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
