package model_test

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/ref"
)

// backends are the devices that every test of the model runs on.
func backends(t *testing.T) []kernels.Backend {
	t.Helper()
	r := ref.Open(ref.Options{})
	t.Cleanup(func() { r.Close() })
	return []kernels.Backend{r}
}
