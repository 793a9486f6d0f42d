package cpu

import (
	"testing"

	"github.com/primer-lm/primer/kernels"
)

func TestPeaksArePlausible(t *testing.T) {
	b := open(t, 1)
	p, err := b.MeasurePeaks()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("one thread: f32 %.0f GFLOP/s, bf16 %.0f GFLOP/s, copy %.1f GB/s", p.GEMM32/1e9, p.GEMM16/1e9, p.Copy/1e9)
	if !(p.GEMM32 > 1e8 && p.GEMM32 < 1e12) || !(p.Copy > 1e8 && p.Copy < 1e12) || p.GEMM16 < 0 {
		t.Errorf("peaks out of any range: %+v", p)
	}
	if hostISA == isaAVX512BF16 && p.GEMM16 == 0 {
		t.Error("no bf16 peak on a machine with the instruction")
	}
	for _, typ := range []kernels.DType{kernels.F32, kernels.BF16} {
		peak := p.GEMM32
		if typ == kernels.BF16 && p.GEMM16 > 0 {
			peak = p.GEMM16
		}
		r := newLinearRun(t, b, typ, 512, linearBench{o: 768, i: 768}, kernels.WeightTrained)
		rate, err := b.best(5, r.flops, func() { r.run(b, "forward") })
		r.free(b)
		if err != nil {
			t.Fatal(err)
		}
		if t.Logf("%v product: %.0f%% of the peak", typ, 100*rate/peak); rate > 1.3*peak { // room for what else runs here; the two are not measured together
			t.Errorf("a product of %v makes %.0f GFLOP/s, above the peak of %.0f", typ, rate/1e9, peak/1e9)
		}
	}
}
