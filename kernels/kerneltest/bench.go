package kerneltest

import (
	"fmt"
	"testing"

	"github.com/primer-lm/primer/kernels"
)

// benchModel has the sizes of a model that people train.
type benchModel struct {
	name                string
	c, f, h, k, d, v, t int64 // hidden, intermediate, heads, key heads, head dim, vocabulary, tokens of a document
	large               bool  // too much for the rows of a small device: fewer rows
}

var benchModels = []benchModel{
	{"15M", 288, 768, 6, 6, 48, 32000, 256, false}, {"42M", 512, 1376, 8, 8, 64, 32000, 1024, false},
	{"500M", 1536, 4320, 24, 24, 64, 32000, 2048, true}, {"1.3B", 2048, 8192, 32, 8, 64, 32000, 2048, true},
}

// rows is how many tokens a benchmark takes at once.
func (m benchModel) rows() int64 {
	if m.large {
		return 256
	}
	return 1024
}

// BenchAll measures every op of a backend on the shapes of benchModels. Matrix products report GFLOP/s and %gemm, their share of
// the device's measured peak; the others GB/s of what they must read and write, and %copy, its share of the copy bandwidth.
func BenchAll(b *testing.B, backend kernels.Backend) {
	var peaks kernels.Peaks
	if meter, ok := backend.(kernels.PeakMeter); ok {
		var err error
		if peaks, err = meter.MeasurePeaks(); err != nil {
			b.Fatal(err)
		}
	}
	for _, m := range benchModels {
		for _, d := range acts {
			g := &gauge{b: b, backend: backend, peaks: peaks, model: m, dtype: d}
			g.linear()
			g.attention()
			g.rows()
			g.loss()
		}
		g := &gauge{b: b, backend: backend, peaks: peaks, model: m, dtype: kernels.F32}
		g.optimizer()
		g.decode()
	}
}

// gauge measures the ops of one model with one dtype of activations and weights.
type gauge struct {
	b       *testing.B
	backend kernels.Backend
	peaks   kernels.Peaks
	model   benchModel
	dtype   kernels.DType
	held    []*kernels.Memory
}

// group runs the benchmarks of one set of tensors and frees these afterwards.
func (g *gauge) group(f func()) {
	f()
	if err := g.backend.Sync(); err != nil {
		g.b.Fatal(err)
	}
	for _, mem := range g.held {
		g.backend.Free(mem)
	}
	g.held = nil
}

func (g *gauge) empty(d kernels.DType, dims ...int64) kernels.Tensor {
	mem, err := g.backend.Alloc(kernels.MemActivations, max(1, kernels.ShapeOf(d, dims...).Bytes()))
	if err != nil {
		g.b.Fatal(err)
	}
	g.held = append(g.held, mem)
	return kernels.NewTensor(mem, 0, d, dims...)
}

// act makes a tensor of small numbers of both signs.
func (g *gauge) act(d kernels.DType, dims ...int64) kernels.Tensor {
	out := g.empty(d, dims...)
	values := make([]float64, min(out.Len(), 4099))
	for i := range values {
		values[i] = float64(i*37%101-50) / 64
	}
	tile := encode(d, values)
	data := make([]byte, out.Bytes())
	for at := 0; at < len(data); at += len(tile) {
		copy(data[at:], tile)
	}
	g.backend.Write(out, data)
	if err := g.backend.Sync(); err != nil {
		g.b.Fatal(err)
	}
	return out
}

func (g *gauge) ints(values []int32) kernels.Tensor {
	out := g.empty(kernels.I32, int64(len(values)))
	g.backend.Write(out, encode(kernels.I32, floats(values)))
	if err := g.backend.Sync(); err != nil {
		g.b.Fatal(err)
	}
	return out
}

func (g *gauge) work(n int64) kernels.Tensor {
	if n == 0 {
		return kernels.Tensor{}
	}
	return g.empty(kernels.U8, n)
}

// run measures op. flops or bytes is what one call must compute or move.
func (g *gauge) run(name, layer string, m int64, flops, bytes float64, op func()) {
	g.b.Run(fmt.Sprintf("%s/%v/%s-%s/M=%d", name, g.dtype, g.model.name, layer, m), func(b *testing.B) {
		op() // touch the pages
		if err := g.backend.Sync(); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			op()
			if err := g.backend.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		seconds := b.Elapsed().Seconds() / float64(b.N)
		if flops > 0 {
			g.report(b, flops/seconds, "GFLOP/s", "%gemm", g.gemmPeak())
		} else {
			g.report(b, bytes/seconds, "GB/s", "%copy", g.peaks.Copy)
		}
	})
}

func (g *gauge) gemmPeak() float64 {
	if g.dtype == kernels.BF16 && g.peaks.GEMM16 > 0 {
		return g.peaks.GEMM16
	}
	return g.peaks.GEMM32
}

func (g *gauge) report(b *testing.B, rate float64, unit, share string, peak float64) {
	b.ReportMetric(rate/1e9, unit)
	if peak > 0 {
		b.ReportMetric(100*rate/peak, share)
	}
}
