//go:build slow

package shard

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/primer-lm/primer/internal/durable"
)

// memoryEnv makes the test binary a process that builds so many MB of text into a folder and tells its peak memory.
const memoryEnv = "PRIMER_TEST_SHARD_MB"

func TestMain(m *testing.M) {
	if mb := os.Getenv(memoryEnv); mb != "" {
		if err := buildMany(mb); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func buildMany(mb string) error {
	var n int64
	var dir string
	if _, err := fmt.Sscan(mb, &n, &dir); err != nil {
		return err
	}
	text := strings.Repeat("some words of a text, ", 200) // 4,400 bytes
	units := func(yield func(Unit, error) bool) {
		for done := int64(0); done < n*1_000_000; done += int64(len(text)) {
			if !yield(Unit{Text: strings.Clone(text)}, nil) {
				return
			}
		}
	}
	if _, err := Build(durable.OS, dir, bytesTok{vocab: 300}, units, Options{Workers: 2, ShardTokens: 1 << 24}); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(string(status), "\n") {
		if kb, found := strings.CutPrefix(line, "VmHWM:"); found {
			fmt.Println(strings.Fields(kb)[0])
		}
	}
	return nil
}

// Five times the text takes the same memory: peaks of 20 MB and of 100 MB are within a half (they are within 5 % where they are larger
// and the machine is quiet), each the median of
// three processes (one by itself varies by as much, as the garbage collector's pauses fall).
func TestMemoryDoesNotGrow(t *testing.T) {
	peak := func(mb int) int {
		var seen []int
		for i := range 3 {
			dir := filepath.Join(t.TempDir(), fmt.Sprint(mb, i))
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", memoryEnv, mb, dir))
			out, err := cmd.CombinedOutput()
			kb := 0
			if _, scan := fmt.Sscan(string(out), &kb); err != nil || scan != nil {
				t.Fatalf("%d MB: %v, %s", mb, err, out)
			}
			seen = append(seen, kb)
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(seen)
		t.Logf("%d MB: peaks of %v KiB", mb, seen)
		return seen[len(seen)/2]
	}
	small, large := peak(20), peak(100)
	if !(float64(large) <= 1.5*float64(small)) {
		t.Errorf("the peak grew from %d to %d KiB", small, large)
	}
}
