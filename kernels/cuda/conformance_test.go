//go:build cuda

package cuda

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/kerneltest"
)

var _ kernels.Backend = (*Backend)(nil)

// The whole suite, the way that users go: Open, the driver's functions, modules, launches, copies. On the stand-in all but the
// driver, the compiler and cuBLASLt is what runs on a GPU.
func TestConformance(t *testing.T) {
	kernelCache(t)
	t.Cleanup(func() { checkDevice(t) }) // after the suite has closed its backend
	kerneltest.RunAll(t, kerneltest.Options{
		Open:    func() (kernels.Backend, error) { return openBackend(0) },
		Library: []string{"Linear", "LinearBackwardInput", "LinearBackwardWeight"},
	})
}
