// Not with tag cuda: see oracle_test.go.
//go:build !cuda

package kerneltest_test

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
)

// The same block of the CPU's float32 kernels, in every variant that this machine runs.
func TestBlockOfCPUAgainstOracle(t *testing.T) {
	b, err := cpu.Open(cpu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	want := oracleBlock(t)
	table := b.Variants()
	defer func() { _ = kernels.Force("", nil) }() // forgetting cannot fail
	for _, v := range table {
		if v.Op == "attention" && v.Available {
			if err := kernels.Force("*="+v.Name, table); err != nil {
				t.Fatal(err)
			}
			t.Run(v.Name, func(t *testing.T) { compareBlocks(t, backendBlock(t, b, kernels.F32), want, 5e-6) })
		}
	}
}
