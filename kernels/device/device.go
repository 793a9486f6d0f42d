// Package device opens a device by the name that a user types: "cpu" is kernels/cpu, "ref" the slow reference in float64,
// "cuda:0" a GPU where the binary was built with tag cuda. It is the one place that knows every backend; what stands above it
// holds a kernels.Backend and does not ask which.
package device

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
	"github.com/primer-lm/primer/kernels/cuda"
	"github.com/primer-lm/primer/kernels/ref"
)

// Open returns the device called name: "cpu", "cuda:0" and so on, or "ref", the slow reference. A device that is absent is an
// error that wraps kernels.ErrNoDevice; no other device is taken in its place.
func Open(name string) (kernels.Backend, error) {
	kind, index, numbered := strings.Cut(name, ":")
	switch {
	case name == "cpu":
		b, err := cpu.Open(cpu.Options{})
		if err != nil {
			return nil, fmt.Errorf("opening device cpu: %w", err)
		}
		return b, nil
	case name == "ref":
		return ref.Open(ref.Options{}), nil
	case kind == "cuda":
		n, err := strconv.ParseUint(index, 10, 16)
		if numbered && err != nil {
			return nil, fmt.Errorf("%w: %q: the number after cuda: must be 0, 1, 2, …", kernels.ErrNoDevice, name)
		}
		return cuda.Open(int(n)) // plain "cuda" is the first one
	default:
		return nil, fmt.Errorf("%w: %q; there are %s", kernels.ErrNoDevice, name, strings.Join(Names(), ", "))
	}
}

// Names lists what Open understands in this binary.
func Names() []string {
	names := []string{"cpu", "ref"}
	if cuda.Built {
		names = append(names, "cuda:0", "cuda:1, …")
	}
	return names
}
