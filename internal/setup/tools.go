package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// tool is something on the machine that Primer needs, how to see that it works, and where Debian
// and Ubuntu have it.
type tool struct {
	name     string
	packages []string                    // Debian packages that bring it
	check    func(context.Context) error // nil when it works
	optional bool                        // the tests that want it say so and skip
}

// buildTools are what using Primer takes: a C compiler with the C library's headers, and cargo. Go
// is there, since it runs this program; only that its cgo is on has to be seen.
var buildTools = []tool{
	{name: "cc", packages: []string{"gcc", "libc6-dev"}, check: checkCC},
	{name: "cargo", packages: []string{"cargo"}, check: checkCargo},
	{name: "go", check: checkCgo},
}

// testTools are what the checks take on top, and benchTools what building llama.cpp for the
// benchmarks takes on top of those. cudaTools are what -cuda takes.
var (
	cudaTools = []tool{{name: "python3-venv", packages: []string{"python3", "python3-venv"}, check: checkVenv}}
	testTools = []tool{
		{name: "make", packages: []string{"make"}, check: runs("make", "--version")},
		{name: "python3-venv", packages: []string{"python3", "python3-venv"}, check: checkVenv},
		{name: "chromium", packages: []string{"chromium"}, check: runs("chromium", "--version"), optional: true},
	}
	benchTools = []tool{
		{name: "c++", packages: []string{"g++"}, check: runs("c++", "--version")},
		{name: "cmake", packages: []string{"cmake"}, check: runs("cmake", "--version")},
		{name: "python3-dev", packages: []string{"python3-dev"}, check: runs("python3", "-c",
			"import sysconfig, os, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h')))")},
	}
)

// runs returns a check that the command exits with 0.
func runs(name string, args ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w %s", err, firstLine(out))
		}
		return nil
	}
}

// errTooOld marks a tool that is there but older than Primer needs; no package brings a newer one.
var errTooOld = errors.New("too old")

// minCargo is the first cargo that reads version 4 of Cargo.lock, which the library's source has.
const minCargo = 78 // 1.78

// ensureTools checks every tool. Missing ones that Debian packages bring are installed when the
// user is root; otherwise the error has the one command to type. Optional ones are tried by root
// only, and whatever comes of it, the rest goes on: Ubuntu's chromium, say, is a snap.
func (e env) ensureTools(ctx context.Context, tools []tool) error {
	optional := func(t tool) bool { return t.optional }
	if err := e.ensure(ctx, slices.DeleteFunc(slices.Clone(tools), optional)); err != nil {
		return err
	}
	for _, t := range tools {
		if !t.optional || os.Geteuid() != 0 {
			continue
		}
		if err := e.ensure(ctx, []tool{t}); err != nil {
			if ctx.Err() != nil {
				return err
			}
			fmt.Fprintf(e.log, "setup: going on without %s, the tests that want it skip: %v\n", t.name, err)
		}
	}
	return nil
}

func (e env) ensure(ctx context.Context, tools []tool) error {
	packages, problems := missing(ctx, tools)
	if len(problems) == 0 {
		return nil
	}
	command := "apt-get update && apt-get install -y --no-install-recommends " + strings.Join(packages, " ")
	_, aptErr := exec.LookPath("apt-get")
	switch {
	case len(packages) == 0:
		return errors.Join(problems...)
	case aptErr != nil:
		return fmt.Errorf("%w\ninstall a C compiler and cargo (for instance from rustup) with this system's package manager, then run setup again",
			errors.Join(problems...))
	case os.Geteuid() != 0:
		return fmt.Errorf("%w\ntype this, then run setup again:\n\n  sudo sh -c '%s'", errors.Join(problems...), command)
	}
	fmt.Fprintf(e.log, "setup: installing %s\n", strings.Join(packages, " "))
	install := exec.CommandContext(ctx, "sh", "-c", command)
	install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	install.Stdout, install.Stderr = e.log, e.log
	if err := install.Run(); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	if _, problems = missing(ctx, tools); len(problems) > 0 {
		return fmt.Errorf("still not usable after installing %s: %w", strings.Join(packages, " "), errors.Join(problems...))
	}
	return nil
}

// missing returns one error for each tool that does not work, and the packages that would bring
// them. A tool that is merely too old has none.
func missing(ctx context.Context, tools []tool) (packages []string, problems []error) {
	for _, t := range tools {
		err := t.check(ctx)
		if err == nil {
			continue
		}
		problems = append(problems, fmt.Errorf("%s: %w", t.name, err))
		if !errors.Is(err, errTooOld) {
			packages = append(packages, t.packages...)
		}
	}
	return packages, problems
}

// checkCC compiles and links an empty program: a compiler without the C library's headers is there
// by name only. CC is honoured, as cgo does.
func checkCC(ctx context.Context) error {
	cc := compiler()
	cmd := exec.CommandContext(ctx, cc[0], append(cc[1:], "-x", "c", "-o", os.DevNull, "-", "-lm")...)
	cmd.Stdin = strings.NewReader("#include <stdlib.h>\n#include <math.h>\nint main(void) { return 0; }\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("no working C compiler (%s): %w %s", cc[0], err, firstLine(out))
	}
	return nil
}

// compiler is the C compiler that cgo takes, with its flags.
func compiler() []string {
	if cc := strings.Fields(os.Getenv("CC")); len(cc) > 0 {
		return cc
	}
	if _, err := exec.LookPath("gcc"); err == nil {
		return []string{"gcc"} // cgo's own default
	}
	return []string{"cc"}
}

func checkCargo(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "cargo", "--version").Output()
	if err != nil {
		return fmt.Errorf("cargo, which builds the tokenizer's library, does not run: %w", err)
	}
	var major, minor int
	if _, err := fmt.Sscanf(string(out), "cargo %d.%d", &major, &minor); err != nil {
		return fmt.Errorf("cargo --version printed %q: no version in it", firstLine(out))
	}
	if major == 1 && minor < minCargo {
		return fmt.Errorf("%w: %s is installed, 1.%d or newer is needed: install it from rustup, "+
			"or a newer package (Ubuntu 24.04 has cargo-1.80)", errTooOld, firstLine(out), minCargo)
	}
	return nil
}

func checkCgo(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "go", "env", "CGO_ENABLED").Output()
	if err != nil {
		return fmt.Errorf("go env does not run: %w", err)
	}
	// With no compiler on the path Go turns cgo off by itself; the C compiler's own check names that.
	if strings.TrimSpace(string(out)) != "1" && os.Getenv("CGO_ENABLED") == "0" {
		return errors.New("CGO_ENABLED=0 is set: Primer's kernels and tokenizer need cgo, unset it")
	}
	return nil
}

// checkVenv looks for ensurepip: Debian's python3 has the venv module without it and then fails
// half-way through making an environment.
func checkVenv(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "python3", "-c", "import venv, ensurepip").CombinedOutput()
	if err != nil {
		return fmt.Errorf("python3 cannot make virtual environments: %w %s", err, firstLine(out))
	}
	return nil
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}
