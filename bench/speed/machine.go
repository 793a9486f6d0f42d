package speed

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
)

// Machine is what the numbers were measured on.
type Machine struct {
	CPU     string        `json:"cpu"`   // as the processor calls itself
	Model   string        `json:"model"` // "family 25 model 17 stepping 1": what the name may hide in a virtual machine
	Cores   int           `json:"cores"` // that this process may use
	Threads int           `json:"threads"`
	Sets    []string      `json:"instruction_sets"`
	Memory  int64         `json:"memory_bytes"`
	Kernel  string        `json:"kernel"`
	Peaks   kernels.Peaks `json:"peaks"` // measured with Threads
	After   kernels.Peaks `json:"peaks_after"`
}

// interesting are the instruction sets that decide a kernel's speed.
var interesting = []string{"sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16",
	"avx512_fp16", "amx_tile", "amx_bf16", "asimd", "bf16", "sve", "sve2", "i8mm"}

// ReadMachine describes the machine without measuring anything.
func ReadMachine(threads int) (Machine, error) {
	m := Machine{Cores: runtime.NumCPU(), Threads: threads}
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return m, fmt.Errorf("what the machine is: %w", err)
	}
	defer f.Close()
	m.readCPU(f)
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		m.Memory = StatusBytes(string(info), "MemTotal")
	}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(release))
	}
	return m, nil
}

// readCPU reads the first processor of /proc/cpuinfo.
func (m *Machine) readCPU(r io.Reader) {
	fields := map[string]string{}
	for lines := bufio.NewScanner(r); lines.Scan() && lines.Text() != ""; {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	m.CPU = fields["model name"]
	if m.CPU == "" {
		m.CPU = runtime.GOARCH
	}
	m.Model = fmt.Sprintf("family %s model %s stepping %s", fields["cpu family"], fields["model"], fields["stepping"])
	flags := strings.Fields(fields["flags"] + " " + fields["Features"])
	for _, set := range interesting {
		if slices.Contains(flags, set) {
			m.Sets = append(m.Sets, set)
		}
	}
}

var notSlug = regexp.MustCompile(`[^a-z0-9]+`)

// Slug is the processor's name for a file name.
func (m *Machine) Slug() string {
	name := strings.NewReplacer("(R)", "", "(TM)", "", "(r)", "", "(tm)", "", " CPU", "", " Processor", "").Replace(m.CPU)
	name, _, _ = strings.Cut(name, "@")
	return strings.Trim(notSlug.ReplaceAllString(strings.ToLower(name), "-"), "-")
}

// MeasurePeaks measures what the threads can do together.
func MeasurePeaks(threads int) (kernels.Peaks, error) {
	backend, err := cpu.Open(cpu.Options{Threads: threads})
	if err != nil {
		return kernels.Peaks{}, err
	}
	defer backend.Close()
	return backend.MeasurePeaks()
}
