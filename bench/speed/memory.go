package speed

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// resident returns a line of /proc/self/status in bytes: VmRSS, resident now, or VmHWM, at most since the process began or
// forgot; 0 where the system has no such file.
func resident(field string) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return StatusBytes(string(status), field)
}

// StatusBytes finds a field of the text of /proc/PID/status, such as "VmHWM:	  123 kB"; 0 where it is not.
func StatusBytes(status, field string) int64 {
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			var kib int64
			if _, err := fmt.Sscanf(rest, "%d kB", &kib); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

// processorTime is what all threads of this process have taken together.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// forgetPeak makes VmHWM begin anew at what is resident now (proc(5), clear_refs). Where that is not to be had the peak since
// the start stands, which is never less. The file is the kernel's, not one of ours: nothing of it is durable.
func forgetPeak() {
	f, err := syscall.Open("/proc/self/clear_refs", syscall.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer syscall.Close(f)
	syscall.Write(f, []byte("5"))
}

// EnvNumber reads a number of at least 1 from an environment variable; usual where it is not set.
func EnvNumber(variable string, usual int) (int, error) {
	text := os.Getenv(variable)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q, must be a number of at least 1", variable, text)
	}
	return n, nil
}
