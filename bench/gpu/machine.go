package gpu

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Line is a fact with its name.
type Line struct{ Name, Value string }

// readMachine says what the host is, and what nvidia-smi knows of the GPU and its driver.
func readMachine(ctx context.Context) (lines []Line) {
	lines = append(lines, Line{"Host", strconv.Itoa(runtime.NumCPU()) + " cores, " + processor()})
	const fields = "name,driver_version,memory.total,power.limit,clocks.max.sm,clocks.max.memory,persistence_mode,mig.mode.current"
	output, err := runTool(ctx, exec.Command("nvidia-smi", "--query-gpu="+fields, "--format=csv,noheader"))
	if err != nil {
		return append(lines, Line{"nvidia-smi", "not run: " + err.Error()})
	}
	for gpu := range strings.Lines(output) {
		lines = append(lines, Line{"nvidia-smi (" + fields + ")", strings.TrimSpace(gpu)})
	}
	return lines
}

// processor is the name of the first processor.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// built names the revision that this program was built from; the Makefile sets it.
var built = "an unnamed revision"

// revision is what this program was built from, and by which Go.
func revision() string { return built + ", " + runtime.Version() }
