package kerneltest_test

import (
	"testing"

	"github.com/primer-lm/primer/kernels/cpu"
	"github.com/primer-lm/primer/kernels/kerneltest"
)

func BenchmarkCPU(b *testing.B) {
	backend, err := cpu.Open(cpu.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer backend.Close()
	kerneltest.BenchAll(b, backend)
}
