package gpu

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Test is one test of the conformance binary.
type Test struct {
	Name   string
	Result string // PASS, FAIL, SKIP; "" for one that did not end
}

// compilerTests hold the code of one version of NVRTC against a table; they have no place on a machine with another one.
const compilerTests = "^(TestMachineCode|TestOpcodes)$"

// conformance runs the tests of kernels/cuda, built for a real device. A test that is skipped, or does not end, has not passed. A
// fault of the device ends its context, and with it every later test of the process: those that failed behind the first are run
// once more, each in a process of its own.
func (k *check) conformance(ctx context.Context) error {
	output, err := k.runTests(ctx, k.Tests)
	k.tests = readTests(output)
	first := true
	for i, t := range k.tests {
		if t.Result == "PASS" {
			continue
		}
		if first {
			first = false
			continue
		}
		again, _ := k.runTests(ctx, "^"+t.Name+"$") // what went wrong is in the output
		output += "\n" + t.Name + " in a process of its own:\n" + again
		if alone := readTests(again); len(alone) == 1 {
			k.tests[i].Result = alone[0].Result
		}
	}
	k.outputs["conformance.txt"] = output
	return judgeTests(k.tests, err)
}

func (k *check) runTests(ctx context.Context, names string) (output string, err error) {
	cmd := exec.Command(filepath.Join(k.Folder, "conformance"), "-test.v", "-test.run", names, "-test.skip", compilerTests)
	cmd.Env, cmd.Dir = k.environment(), k.scratch
	return runTool(ctx, cmd)
}

var testLine = regexp.MustCompile(`^(=== RUN  |--- (PASS|FAIL|SKIP):) +(\S+)`)

// readTests reads what a test binary prints with -test.v, top-level tests only.
func readTests(output string) (tests []Test) {
	at := map[string]int{}
	for line := range strings.Lines(output) {
		m := testLine.FindStringSubmatch(line)
		if m == nil || strings.Contains(m[3], "/") {
			continue
		}
		if i, ok := at[m[3]]; ok {
			tests[i].Result = m[2]
			continue
		}
		at[m[3]] = len(tests)
		tests = append(tests, Test{m[3], m[2]})
	}
	return tests
}

// judgeTests is nil when every test passed, the suite among them, and the binary ended well.
func judgeTests(tests []Test, ended error) error {
	var bad []string
	suite := false
	for _, t := range tests {
		suite = suite || t.Name == "TestConformance"
		if t.Result != "PASS" {
			bad = append(bad, t.Name+" "+map[string]string{"FAIL": "failed", "SKIP": "was skipped", "": "did not end"}[t.Result])
		}
	}
	switch {
	case len(bad) > 0 && ended != nil:
		return fmt.Errorf("%s (%w)", strings.Join(bad, ", "), ended)
	case len(bad) > 0:
		return fmt.Errorf("%s", strings.Join(bad, ", "))
	case ended != nil:
		return fmt.Errorf("the conformance tests: %w", ended)
	case !suite:
		return fmt.Errorf("TestConformance was not among the %d tests", len(tests))
	}
	return nil
}

// sanitizerFolders is where compute-sanitizer lies when it is not on the path.
var sanitizerFolders = []string{"/usr/local/cuda/bin", "/usr/local/cuda/compute-sanitizer", "/opt/nvidia/compute-sanitizer"}

// findSanitizer returns the program, or an error that says where it was looked for.
func findSanitizer() (string, error) {
	if path, err := exec.LookPath("compute-sanitizer"); err == nil {
		return path, nil
	}
	for _, folder := range sanitizerFolders {
		path := filepath.Join(folder, "compute-sanitizer")
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: no compute-sanitizer on the path or in %s", errNotRun, strings.Join(sanitizerFolders, ", "))
}

// sanitizerStep runs every op once on small shapes under one tool of compute-sanitizer.
func sanitizerStep(tool string) func(*check, context.Context) error {
	return func(k *check, ctx context.Context) error {
		program, err := findSanitizer()
		if err != nil {
			return err
		}
		shapes := k.Shapes
		if shapes == "full" {
			shapes = "small"
		}
		ours := k.ours("exercise", "--device", k.Device, "--shapes", shapes)
		cmd := exec.Command(program, append([]string{"--tool", tool, "--error-exitcode", "99", ours.Path}, ours.Args[1:]...)...)
		cmd.Env = ours.Env
		output, err := runTool(ctx, cmd)
		k.outputs[tool+".txt"] = output
		return judgeSanitizer(output, err)
	}
}

var sanitizerSummary = regexp.MustCompile(`(?m)^=+ (ERROR SUMMARY: (\d+) error|RACECHECK SUMMARY: (\d+) hazard).*$`)

// judgeSanitizer is nil when the tool ended well, its summary counts nothing, and the ops say that they ran.
func judgeSanitizer(output string, ended error) error {
	summary := sanitizerSummary.FindStringSubmatch(output)
	_, after, ran := strings.Cut(output, exercised)
	count, _, _ := strings.Cut(after, "\n")
	ops, _ := strconv.Atoi(strings.TrimSpace(count)) // no number: no op
	switch {
	case summary != nil && summary[2]+summary[3] != "0":
		return fmt.Errorf("%s", strings.Trim(summary[0], "= "))
	case ended != nil:
		return fmt.Errorf("compute-sanitizer: %w", ended)
	case summary == nil:
		return fmt.Errorf("compute-sanitizer printed no summary")
	case !ran || ops == 0:
		return fmt.Errorf("compute-sanitizer found nothing, but the ops do not say that they ran")
	}
	return nil
}
