//go:build slow

package export

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/primer-lm/primer/data"
	"github.com/primer-lm/primer/internal/durable"
)

const (
	memoryRole = "PRIMER_MEMORY_ROLE" // the format that a child process exports, from its standard input
	memoryMiB  = "PRIMER_MEMORY_MIB"  // the larger input, in MiB, beside a twentieth of it: then the bound is 5 %
)

// Peak memory does not grow with the input: a process that reads JSON lines from a pipe and writes them takes as much for a large
// input as for a quarter of it, and at most 1 GiB. Gibibytes show 5 %, against the median of three processes with a twentieth (one by
// itself varies by as much); with less the garbage collector's moments weigh more, and growth shows all the same. The pipe brings
// words drawn anew, so that nothing is on disk but the output.
func TestPeakMemoryIsBounded(t *testing.T) {
	if format := os.Getenv(memoryRole); format != "" {
		exportStdin(t, format)
		return
	}
	large, part, within, middle := 384, 4, 160, peak
	if v, err := strconv.Atoi(os.Getenv(memoryMiB)); err == nil {
		large, part, within, middle = v, 20, 105, median
	}
	for _, format := range []string{"jsonl.zst", "parquet"} {
		t.Run(format, func(t *testing.T) {
			small, big := middle(t, format, large/part), peak(t, format, large)
			t.Logf("peak of %d KiB at %d MiB of input, %d KiB at %d", small, large/part, big, large)
			if big > small*within/100 || big > 1<<20 {
				t.Error("the peak grows")
			}
		})
	}
}

func median(t *testing.T, format string, mib int) int {
	t.Helper()
	seen := []int{peak(t, format, mib), peak(t, format, mib), peak(t, format, mib)}
	t.Logf("%s, %d MiB: peaks of %d KiB", format, mib, seen)
	slices.Sort(seen)
	return seen[1]
}

// exportStdin is the child.
func exportStdin(t *testing.T, format string) {
	docs := data.Documents([]string{data.Stdin}, data.Options{Kind: data.JSONL, Strict: true})
	write := JSONL[data.Document]
	if format == "parquet" {
		write = Parquet[data.Document]
	}
	dir := filepath.Join(os.Getenv("PRIMER_MEMORY_DIR"), "out")
	if _, err := write(durable.OS, dir, docs, Options{ShardBytes: 128 << 20}); err != nil {
		t.Fatal(err)
	}
}

// peak runs the child and gives its largest resident size in KiB.
func peak(t *testing.T, format string, mib int) int {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestPeakMemoryIsBounded$", "-test.timeout", "0")
	cmd.Env = append(os.Environ(), memoryRole+"="+format, "PRIMER_MEMORY_DIR="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	feedErr := feed(in, int64(mib)<<20)
	most := 0
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)) // before the pipe is closed: it lives
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM:") {
			fmt.Sscan(strings.TrimPrefix(line, "VmHWM:"), &most)
		}
	}
	in.Close()
	if e := cmd.Wait(); e != nil || err != nil || feedErr != nil || most == 0 {
		t.Fatalf("%v, %v, %v, peak %d: %s", e, err, feedErr, most, &log)
	}
	if err := os.RemoveAll(filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	return most
}

// feed writes n bytes of documents of some 2 KiB.
func feed(w io.Writer, n int64) error {
	out := bufio.NewWriterSize(w, 1<<20)
	rng := rand.New(rand.NewPCG(7, 7))
	words := make([]string, 4096)
	for i := range words {
		words[i] = strconv.FormatUint(rng.Uint64(), 36)[:2+i%9] + " "
	}
	line := make([]byte, 0, 4096)
	for i := 0; n > 0; i++ {
		line = fmt.Appendf(line[:0], "{\"id\":\"%d\",\"text\":\"", i)
		for len(line) < 2048 {
			line = append(line, words[rng.IntN(len(words))]...)
		}
		line = append(line, "\"}\n"...)
		if _, err := out.Write(line); err != nil {
			return err
		}
		n -= int64(len(line))
	}
	return out.Flush()
}
