//go:build cuda && emulator

package cuda

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/kerneltest"
)

var _ kernels.Backend = (*Backend)(nil)

// The whole contract, through the driver's calls, on the emulated device.
func TestConformance(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	kerneltest.RunAll(t, kerneltest.Options{
		Open:    func() (kernels.Backend, error) { return openBackend(0) },
		Library: []string{"Linear", "LinearBackwardInput", "LinearBackwardWeight"},
	})
}
