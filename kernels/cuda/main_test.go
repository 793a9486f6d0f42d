//go:build cuda && emulator

package cuda

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain fails a whole run of the package's tests in which some kernel was never launched. A run of some of the tests only, as with
// -run, is not held to that. That every op of the contract has a case is the conformance suite's "coverage".
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && wholeRun() {
		if problems := untested(emulatedKernels(), launchTable()); len(problems) > 0 {
			fmt.Printf("FAIL: kernels without a test:\n\t%s\n", strings.Join(problems, "\n\t"))
			code = 1
		}
	}
	os.Exit(code)
}

// wholeRun says whether the flags let every test run.
func wholeRun() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}

// launchTable lists the kernels that NVRTC made of the sources, by testdata/machine.txt, which TestMachineCode holds to be so.
func launchTable() (names []string) {
	text, err := os.ReadFile("testdata/machine.txt")
	if err != nil {
		return nil
	}
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			names = append(names, f[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// untested lists the kernels that no test launched, and those that are in one of the two tables only. Planted ones are no kernels of ours.
func untested(emulated []emulatedKernel, compiled []string) (problems []string) {
	for _, k := range emulated {
		if strings.HasPrefix(filepath.Base(k.file), "planted") {
			continue
		}
		if k.launches == 0 {
			problems = append(problems, fmt.Sprintf("%s of %s was never launched", k.name, filepath.Base(k.file)))
		}
		if !slices.Contains(compiled, k.name) {
			problems = append(problems, fmt.Sprintf("%s of %s is not in testdata/machine.txt", k.name, filepath.Base(k.file)))
		}
	}
	for _, name := range compiled {
		if !slices.ContainsFunc(emulated, func(k emulatedKernel) bool { return k.name == name }) {
			problems = append(problems, fmt.Sprintf("%s is compiled, and not in the emulator", name))
		}
	}
	return problems
}

// The check can fail: a kernel that was not launched, one that only one of the tables has.
func TestUntestedKernelsAreFound(t *testing.T) {
	all := []emulatedKernel{{"a_f32", "dir/a.cu", 3}, {"b_f32", "dir/b.cu", 0}, {"c_f32", "dir/c.cu", 1}, {"planted_x", "testdata/planted.cu", 0}}
	got := untested(all, []string{"a_f32", "b_f32", "d_f32"})
	want := []string{"b_f32 of b.cu was never launched", "c_f32 of c.cu is not in testdata/machine.txt", "d_f32 is compiled, and not in the emulator"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(launchTable()) < 50 {
		t.Errorf("the table has %d kernels only", len(launchTable()))
	}
}
