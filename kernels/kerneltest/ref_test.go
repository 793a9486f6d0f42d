package kerneltest_test

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/kerneltest"
	"github.com/primer-lm/primer/kernels/ref"
)

// The reference passes its own suite: what does not compare with itself (guard bands, rows alone, chunks) is tested.
func TestReferenceConforms(t *testing.T) {
	kerneltest.RunAll(t, kerneltest.Options{Open: func() (kernels.Backend, error) { return ref.Open(ref.Options{Ordered: true}), nil }})
}

// The float64 reference sums products in no contract's order, as a vendor's library does: it passes where that is allowed.
func TestLibraryProductsKeepToTheirTolerances(t *testing.T) {
	kerneltest.RunAll(t, kerneltest.Options{
		Open:    func() (kernels.Backend, error) { return ref.Open(ref.Options{}), nil },
		Library: []string{"Linear", "LinearBackwardInput", "LinearBackwardWeight"},
	})
}
