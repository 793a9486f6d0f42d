package model_test

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
	"github.com/primer-lm/primer/kernels/ref"
)

// backends are the devices that every test of the model runs on: the reference, slow and alone in float64, and the CPU's.
func backends(t *testing.T) []kernels.Backend {
	t.Helper()
	fast, err := cpu.Open(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	slow := ref.Open(ref.Options{})
	t.Cleanup(func() {
		if err := fast.Close(); err != nil {
			t.Error(err)
		}
		slow.Close()
	})
	return []kernels.Backend{fast, slow}
}
