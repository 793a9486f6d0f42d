//go:build cuda && emulator

package cuda

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/kerneltest"
)

var _ kernels.Backend = (*Backend)(nil)

// The whole suite, the way that users go: Open, the driver's functions, modules, launches, copies. All but the driver, the compiler
// and cuBLASLt is what runs on a GPU.
func TestConformance(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	kerneltest.RunAll(t, kerneltest.Options{
		Open:    func() (kernels.Backend, error) { return openBackend(0) },
		Library: []string{"Linear", "LinearBackwardInput", "LinearBackwardWeight"},
	})
	if err := standInFailure(); err != nil {
		t.Error(err)
	}
}
