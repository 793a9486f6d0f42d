// Package setup prepares a machine to build Primer: it finds the tools, installs Debian packages
// where it may, and builds the one native library that Primer links, the tokenizer's.
//
// The library's Rust source comes with its Go module, so nothing but crates is downloaded. It is
// built once per user, into the user's cache folder, keyed by everything that decides its content;
// a clone of Primer gets a copy in tokenizer/lib, where the linker looks. A program outside the
// tree embeds Primer from the read-only module cache, so it links the cached archive instead, by
// one CGO_LDFLAGS setting that setup prints.
//
// The package needs no cgo: it has to run before the library exists.
package setup

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Exit codes of the command, as the other commands of Primer have them.
const (
	exitDone    = 0
	exitFailure = 1
	exitUsage   = 2
)

const primerModule = "github.com/primer-lm/primer"

// env is where setup runs: the folder it was started in and where it talks. Only the line that a
// script may evaluate goes to out; everything a person reads goes to log.
type env struct {
	dir      string
	out, log io.Writer
}

// Main runs the command with the given arguments (without the program's name) and returns its exit
// code.
func Main(ctx context.Context, args []string, out, log io.Writer) int {
	flags := flag.NewFlagSet("setup", flag.ContinueOnError)
	flags.SetOutput(log)
	need := flags.String("for", "build", "what to prepare for: build, test (make test-all) or bench (make bench-peers)")
	cuda := flags.Bool("cuda", false, "prepare for tag cuda too: fetch cuda.h, NVRTC and ptxas into kernels/cuda/lib and build the library there;\n"+
		"prints one `go env -w` line to run")
	flags.Usage = func() {
		fmt.Fprint(log, "usage: go run github.com/primer-lm/primer/cmd/setup [-for build|test|bench] [-cuda]\n\n"+
			"Checks for the tools Primer needs and builds the tokenizer's library once.\n"+
			"Inside a clone of Primer nothing more is to do. In another module it prints one\n"+
			"`go env -w` line to run, after which that module builds:\n\n"+
			"  eval \"$(go run github.com/primer-lm/primer/cmd/setup)\"\n\n")
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(log, "setup: unexpected argument %q\n", flags.Arg(0))
		return exitUsage
	case *need != "build" && *need != "test" && *need != "bench":
		fmt.Fprintf(log, "setup: -for %q: choose build, test or bench\n", *need)
		return exitUsage
	}
	e := env{dir: ".", out: out, log: log}
	if err := e.run(ctx, *need, *cuda); err != nil {
		fmt.Fprintf(log, "setup: %v\n", err)
		return exitFailure
	}
	return exitDone
}

func (e env) run(ctx context.Context, need string, cuda bool) error {
	tools := buildTools
	if need != "build" {
		tools = slices.Concat(tools, testTools)
	}
	if need == "bench" {
		tools = slices.Concat(tools, benchTools)
	}
	if err := e.ensureTools(ctx, tools); err != nil {
		return err
	}
	root, err := e.primerRoot(ctx)
	if err != nil {
		return err
	}
	want, err := wantedArchive(ctx)
	if err != nil {
		return err
	}
	if root != "" {
		err = e.setupTree(ctx, want, filepath.Join(root, "tokenizer", "lib"))
	} else {
		err = e.setupOutside(ctx, want)
	}
	if err != nil || !cuda {
		return err
	}
	return e.setupCUDA(ctx, root)
}

// setupTree puts the library into lib, the folder that tokenizer's cgo line names.
func (e env) setupTree(ctx context.Context, want archive, lib string) error {
	if want.validIn(lib) {
		return nil
	}
	cached, err := e.cachedArchive(ctx, want)
	if err != nil {
		return err
	}
	if err := want.install(filepath.Join(cached, archiveName), lib); err != nil {
		return fmt.Errorf("put the tokenizer's library into %s: %w", lib, err)
	}
	fmt.Fprintf(e.log, "setup: %s is ready\n", filepath.Join(lib, archiveName))
	return nil
}

// setupOutside builds the library into the user's cache and prints the one line that makes the
// linker find it there. Flags that the user has set are kept.
func (e env) setupOutside(ctx context.Context, want archive) error {
	cached, err := e.cachedArchive(ctx, want)
	if err != nil {
		return err
	}
	flags, err := e.goCommand(ctx, "env", "CGO_LDFLAGS")
	if err != nil {
		return err
	}
	if os.Getenv("CGO_LDFLAGS") != "" {
		fmt.Fprintln(e.log, "setup: CGO_LDFLAGS is set in the environment, which hides what `go env -w` writes: "+
			"unset it, its flags are in the line below")
	}
	fmt.Fprintf(e.out, "go env -w CGO_LDFLAGS=%s\n", shellQuote(addLinkDir(flags, cached)))
	return nil
}

// addLinkDir returns the flags with -L for dir, which stands there once however often setup runs;
// folders of earlier builds of the library are dropped.
func addLinkDir(flags, dir string) string {
	ours := string(filepath.Separator) + filepath.Join("primer", "tokenizers-v")
	var kept []string
	for _, f := range splitFlags(flags) {
		if !strings.HasPrefix(f, "-L") || !strings.Contains(f, ours) {
			kept = append(kept, quoteFlag(f))
		}
	}
	return strings.Join(append(kept, quoteFlag("-L"+dir)), " ")
}

// splitFlags splits a value of CGO_LDFLAGS as the go command does: at blanks, where a flag that
// begins with a quote goes up to the next such quote.
func splitFlags(s string) (flags []string) {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return flags
		}
		until := " \t\r\n"
		if s[0] == '"' || s[0] == '\'' {
			until, s = s[:1], s[1:]
		}
		end := strings.IndexAny(s, until)
		if end < 0 {
			return append(flags, s)
		}
		flags, s = append(flags, s[:end]), s[end+1:]
	}
}

// quoteFlag quotes a flag for CGO_LDFLAGS when it has blanks.
func quoteFlag(f string) string {
	switch {
	case !strings.ContainsAny(f, " \t\r\n'\""):
		return f
	case strings.Contains(f, `"`):
		return "'" + f + "'"
	}
	return `"` + f + `"`
}

// shellQuote quotes s for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// primerRoot returns the root of the clone of Primer that setup runs in, or "" when the main module
// is another one.
func (e env) primerRoot(ctx context.Context) (string, error) {
	gomod, err := e.goCommand(ctx, "env", "GOMOD")
	if err != nil {
		return "", err
	}
	if gomod == "" || gomod == os.DevNull {
		return "", errors.New("run it inside a Go module: a clone of Primer, or a module that requires " + primerModule)
	}
	main, err := e.goCommand(ctx, "list", "-m", "-f", "{{.Path}}\t{{.Dir}}")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(main, "\n") { // a workspace has several main modules
		path, dir, _ := strings.Cut(line, "\t")
		if path == primerModule {
			return dir, nil
		}
	}
	return "", nil
}

// goCommand runs the go command and returns what it printed, trimmed.
func (e env) goCommand(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = e.dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
