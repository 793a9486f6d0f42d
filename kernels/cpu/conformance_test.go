package cpu

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/kerneltest"
)

var _ kernels.Backend = (*Backend)(nil)

// Every op in every variant that this machine runs, against the contract.
func TestConformance(t *testing.T) {
	kerneltest.RunAll(t, kerneltest.Options{
		Open:        func() (kernels.Backend, error) { return Open(Options{}) },
		OpenThreads: func(threads int) (kernels.Backend, error) { return Open(Options{Threads: threads}) },
	})
}

// BenchmarkAll measures every op on shapes that people train with, beside the peaks of the same run.
func BenchmarkAll(b *testing.B) {
	dev, err := Open(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer dev.Close()
	kerneltest.BenchAll(b, dev)
}
