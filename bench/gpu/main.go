package gpu

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// The exit codes, as those of every command of Primer.
const (
	exitDone   = 0
	exitFailed = 1 // conformance failed, or something did not run
	exitUsage  = 2
)

// Main is the program gpucheck: the runner, or with a verb one of its helpers. It returns the exit code.
func Main(args []string, in io.Reader, out, log io.Writer) int {
	verb := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	o, err := parse(verb, args, log)
	if err != nil {
		fmt.Fprintln(log, "gpucheck:", err)
		return exitUsage
	}
	switch verb {
	case "worker", "exercise":
		shapes, problem := NamedShapes(o.Shapes)
		if err = problem; err == nil && verb == "worker" {
			err = serve(o.Device, shapes, in, out)
		} else if err == nil {
			err = exercise(o.Device, shapes, out)
		}
	case "folder":
		err = CheckFolder(o.Folder, out)
	default:
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = Run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(log, "gpucheck:", err)
		return exitFailed
	}
	return exitDone
}

// parse reads flags; what is wrong with them is an error of usage.
func parse(verb string, args []string, log io.Writer) (o Options, err error) {
	if !slices.Contains([]string{"run", "worker", "exercise", "folder"}, verb) {
		return o, fmt.Errorf("no verb %q; there are worker, exercise, folder, and none for the check itself", verb)
	}
	flags := flag.NewFlagSet("gpucheck", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&o.Part, "part", "all", "what to run: all, "+strings.Join(partNames, ", "))
	flags.StringVar(&o.Out, "out", "", "folder for the results; an earlier check's are replaced")
	flags.StringVar(&o.Shapes, "shapes", "full", "sizes: full, small (for compute-sanitizer) or tiny (for the emulator)")
	flags.StringVar(&o.Device, "device", "cuda:0", "device under test")
	flags.StringVar(&o.Folder, "folder", "", "where the conformance tests and the peers' scripts lie (the program's own)")
	flags.StringVar(&o.Python, "python", "", "Python 3 with PyTorch, for the peers")
	flags.StringVar(&o.Peers, "peers", "cuda", "device of the peers: cuda, or cpu to test the scripts")
	flags.StringVar(&o.Tests, "tests", ".", "regular expression of the conformance tests to run")
	minutes := flags.Float64("minutes", 0, "limit of the whole, at most 9 (the parts' own)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.Total, o.Log = time.Duration(*minutes*float64(time.Minute)), log
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case verb == "run" && o.Out == "":
		return o, errors.New("--out must name a folder for the results")
	case o.Part != "all" && !slices.Contains(partNames, o.Part):
		return o, fmt.Errorf("--part is %q, must be all, %s", o.Part, strings.Join(partNames, ", "))
	case o.Total < 0 || o.Total > limit:
		return o, fmt.Errorf("--minutes is %g, must be at most %g", *minutes, limit.Minutes())
	}
	if o.Folder == "" {
		program, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("--folder must be given: %w", err)
		}
		o.Folder = filepath.Dir(program)
	}
	o.Folder, err = filepath.Abs(o.Folder) // the tests run elsewhere
	return o, err
}

// Run makes the whole check, or a part. An error says what failed or did not run; what was measured is in the folder either way.
func Run(ctx context.Context, o Options) (err error) {
	shapes, err := NamedShapes(o.Shapes)
	if err != nil {
		return err
	}
	k := &check{Options: o, shapes: shapes, began: time.Now(), outputs: map[string]string{}}
	if k.scratch, err = os.MkdirTemp("", "gpucheck-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(k.scratch)) }()
	todo := chosen(steps(shapes), o.Part)
	k.runSteps(ctx, todo, totalTime(o.Total, todo))
	return errors.Join(k.failed, k.verdict())
}

// totalTime is what the steps may take: what was asked for, else what they should take and a little more, never above the limit.
func totalTime(asked time.Duration, todo []step) time.Duration {
	if asked > 0 {
		return asked
	}
	total := reserve
	for _, s := range todo {
		total += s.share * 5 / 4
	}
	return min(total, limit)
}

// verdict is nil when every step is OK.
func (k *check) verdict() error {
	var bad []string
	for _, s := range k.states {
		if !s.OK {
			bad = append(bad, s.Step)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("not passed, or not run: %s; see %s", strings.Join(bad, ", "), filepath.Join(k.Out, summaryFile))
}
