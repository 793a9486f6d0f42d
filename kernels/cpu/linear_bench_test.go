package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// linearBench is one layer of a model that people train, with M rows.
type linearBench struct {
	model string
	layer string
	o, i  int64
}

var linearBenches = []linearBench{
	{"quickstart", "gateup", 1024, 192}, {"quickstart", "down", 192, 512},
	{"15M", "qkv", 864, 288}, {"15M", "gateup", 1536, 288}, {"15M", "down", 288, 768}, {"15M", "head", 32000, 288},
	{"42M", "gateup", 2752, 512}, {"42M", "down", 512, 1376}, {"42M", "head", 32000, 512},
	{"500M", "gateup", 8640, 1536}, {"500M", "down", 1536, 4320},
}

// linearRun is the memory of one layer and its three products.
type linearRun struct {
	y, x, dy, dx, dw kernels.Tensor
	w                kernels.Weight
	flops            float64
}

func randomTensor(tb testing.TB, b *Backend, typ kernels.DType, rows, cols int64) kernels.Tensor {
	t := alloc(tb, b, typ, rows, cols)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range t.Len() {
		v := rng.Float32() - 0.5
		if typ == kernels.F32 {
			t.HostF32()[i] = v
		} else {
			t.HostU16()[i] = bf16(v)
		}
	}
	return t
}

func newLinearRun(tb testing.TB, b *Backend, typ kernels.DType, m int64, l linearBench, use kernels.WeightUse) *linearRun {
	r := &linearRun{
		y: alloc(tb, b, kernels.F32, m, l.o), x: randomTensor(tb, b, typ, m, l.i), dy: randomTensor(tb, b, typ, m, l.o),
		dx: alloc(tb, b, kernels.F32, m, l.i), dw: alloc(tb, b, kernels.F32, l.o, l.i), flops: 2 * float64(m*l.o*l.i),
	}
	w, err := b.Prepare(randomTensor(tb, b, typ, l.o, l.i), use)
	if err != nil {
		tb.Fatal(err)
	}
	r.w = w
	return r
}

func (r *linearRun) free(b *Backend) {
	b.Release(r.w)
	for _, t := range []kernels.Tensor{r.y, r.x, r.dy, r.dx, r.dw, r.w.Tensor} {
		b.Free(t.Mem)
	}
}

func (r *linearRun) run(b *Backend, kind string) {
	switch kind {
	case "forward":
		b.Linear(kernels.LinearArgs{Y: r.y, X: r.x, W: r.w})
	case "dinput":
		b.LinearBackwardInput(kernels.LinearBackwardInputArgs{DX: r.dx, DY: r.dy, W: r.w})
	case "dweight":
		b.LinearBackwardWeight(kernels.LinearBackwardWeightArgs{DW: r.dw, DY: r.dy, X: r.x, Math: r.w.Type, Accumulate: true})
	}
}

// BenchmarkLinear reports GFLOP/s and the fraction of the peak of the same dtype, measured in the same run.
func BenchmarkLinear(bench *testing.B) {
	b := open(bench, 0)
	peaks, err := b.MeasurePeaks()
	if err != nil {
		bench.Fatal(err)
	}
	for _, typ := range []kernels.DType{kernels.F32, kernels.BF16} {
		peak := peaks.GEMM32
		if typ == kernels.BF16 && peaks.GEMM16 > 0 {
			peak = peaks.GEMM16
		}
		for _, l := range linearBenches {
			for _, m := range []int64{1, 16, 1024} {
				r := newLinearRun(bench, b, typ, m, l, kernels.WeightTrained)
				for _, kind := range []string{"forward", "dinput", "dweight"} {
					bench.Run(fmt.Sprintf("%v/%s/%s/%s/M=%d", typ, kind, l.model, l.layer, m), func(bench *testing.B) {
						for bench.Loop() {
							r.run(b, kind)
						}
						if err := b.Sync(); err != nil {
							bench.Fatal(err)
						}
						rate := r.flops * float64(bench.N) / bench.Elapsed().Seconds()
						bench.ReportMetric(rate/1e9, "GFLOP/s")
						bench.ReportMetric(rate/peak, "of-peak")
					})
				}
				r.free(b)
			}
		}
	}
}
