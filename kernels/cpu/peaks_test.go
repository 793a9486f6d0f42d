package cpu

import "testing"

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
}
