package speed

import (
	"runtime"
	"testing"

	"github.com/primer-lm/primer/kernels"
	"github.com/primer-lm/primer/kernels/cpu"
)

// threads of every side.
func threads() int { return runtime.GOMAXPROCS(0) }

// peaks measures the machine beside a benchmark.
func peaks(b *testing.B) kernels.Peaks {
	b.Helper()
	p, err := MeasurePeaks(threads())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d threads: f32 %.0f GFLOP/s, bf16 %.0f GFLOP/s, copy %.1f GB/s", threads(), p.GEMM32/1e9, p.GEMM16/1e9, p.Copy/1e9)
	return p
}

// peakOf is the GEMM peak that products of a mode are measured by.
func peakOf(p kernels.Peaks, mode string) float64 {
	if mode == "bf16" && p.GEMM16 > 0 {
		return p.GEMM16
	}
	return p.GEMM32
}

// BenchmarkTrain is one optimizer step of training.
func BenchmarkTrain(b *testing.B) {
	p, dir := peaks(b), b.TempDir()
	for _, s := range Shapes() {
		job := jobOf(b, "train", dir, &s, threads())
		for _, mode := range []string{"f32", "bf16"} {
			b.Run(s.Name+"/"+mode, func(b *testing.B) {
				job.Mode = mode
				took := run(b, job, WorkTrain)
				rate := float64(s.BatchTokens()) / Median(took.Seconds)
				b.ReportMetric(rate, "tokens/s")
				b.ReportMetric(100*rate*3*s.Config.FLOPs(int64(s.T))/peakOf(p, mode), "%GEMM-peak")
				b.ReportMetric(float64(took.Peak)/(1<<20), "MiB-peak")
			})
		}
	}
}

// BenchmarkGenerate is reading a prompt of T tokens, and New tokens behind a prompt for one sequence and for Seqs.
func BenchmarkGenerate(b *testing.B) {
	p, dir := peaks(b), b.TempDir()
	for _, s := range Shapes() {
		job := jobOf(b, "generate", dir, &s, threads())
		job.Mode = "bf16"
		for _, work := range []string{WorkPrefill, WorkDecode, WorkBatched} {
			b.Run(s.Name+"/"+work, func(b *testing.B) {
				took := run(b, job, work)
				race := Race{Shape: &s}
				rate := float64(race.tokens(work)) / Median(took.Seconds)
				b.ReportMetric(rate, "tokens/s")
				if work == WorkPrefill {
					b.ReportMetric(100*rate*prefillFLOPs(&s)/peakOf(p, job.Mode), "%GEMM-peak")
				}
			})
		}
	}
}

// run has a process of ours do b.N units of work behind two that are not counted.
func run(b *testing.B, job Job, work string) Took {
	w := self(b, "ours", job)
	defer w.Close()
	if _, err := w.Turn(Turn{Work: work, Count: 2}); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	took, err := w.Turn(Turn{Work: work, Count: b.N})
	if err != nil {
		b.Fatal(err)
	}
	return took
}

// BenchmarkTrainOps says where a training step's time goes.
func BenchmarkTrainOps(b *testing.B) {
	p := peaks(b)
	for _, s := range Shapes() {
		for _, mode := range []string{"f32", "bf16"} {
			b.Run(s.Name+"/"+mode, func(b *testing.B) {
				profiler, side := profiled(b, &s, mode)
				if _, err := side.turn(Turn{Work: WorkTrain, Count: 1}); err != nil {
					b.Fatal(err)
				}
				profiler.Reset()
				b.ResetTimer()
				if _, err := side.turn(Turn{Work: WorkTrain, Count: b.N}); err != nil {
					b.Fatal(err)
				}
				b.Logf("%s %s, a step of %d tokens:\n%s", s.Name, mode, s.BatchTokens(), profiler.Table(b.N, peakOf(p, mode)))
			})
		}
	}
}

// profiled opens our side of training on a backend that times every operation.
func profiled(t testing.TB, s *Shape, mode string) (*Profiler, *trainSide) {
	t.Helper()
	job := jobOf(t, "train", t.TempDir(), s, threads())
	job.Mode = mode
	backend, err := cpu.Open(cpu.Options{Threads: threads()})
	if err != nil {
		t.Fatal(err)
	}
	p := NewProfiler(backend)
	side, err := openTrainOn(p, job)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { side.close() })
	return p, side
}
