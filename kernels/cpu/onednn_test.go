//go:build onednn

package cpu

import (
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	"github.com/primer-lm/primer/kernels"
)

// sides measures two ways of the same work in turns: rounds of at least 10 ms each, with a pause before each so that the
// peer's threads have stopped spinning. It returns the best wall seconds of each and the ratio theirs/ours of the best CPU
// seconds of the process: with one thread on each side (-cpu 1, OMP_NUM_THREADS=1) that ratio holds on a busy machine too.
func sides(rounds int, ours, theirs func(n int)) (a, b, cpu float64) {
	calls := func(f func(n int)) int {
		f(2)
		for n := 1; ; n *= 2 {
			start := time.Now()
			if f(n); time.Since(start) > 10*time.Millisecond {
				return n
			}
		}
	}
	timed := func(f func(n int), n int) (wall, cpu float64) {
		time.Sleep(10 * time.Millisecond)
		f(max(n/4, 1))
		start, used := time.Now(), cpuSeconds()
		f(n)
		return time.Since(start).Seconds() / float64(n), (cpuSeconds() - used) / float64(n)
	}
	na, nb := calls(ours), calls(theirs)
	a, b = math.Inf(1), math.Inf(1)
	ca, cb := a, b
	for range rounds {
		ta, ua := timed(ours, na)
		tb, ub := timed(theirs, nb)
		a, b, ca, cb = min(a, ta), min(b, tb), min(ca, ua), min(cb, ub)
	}
	return a, b, cb / ca
}

// cpuSeconds is the processor time that the process has used.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkLinearBesideOneDNN runs every shape on both, alternating, and reports oneDNN's time over ours: above 1 we are
// faster ("wall" and "cpu" by the best round of each).
func BenchmarkLinearBesideOneDNN(bench *testing.B) {
	b := open(bench, 0)
	for _, typ := range []kernels.DType{kernels.F32, kernels.BF16} {
		for _, l := range linearBenches {
			for _, m := range []int64{1, 4, 16, 64, 256, 1024, 4096} {
				if m*l.o > 64<<20 {
					continue
				}
				for _, kind := range []string{"forward", "frozen", "dinput", "dweight"} {
					if kind == "frozen" && m > 64 || kind != "forward" && kind != "frozen" && m < 64 {
						continue
					}
					bench.Run(fmt.Sprintf("%v/%s/%s/%s/M=%d", typ, kind, l.model, l.layer, m), func(bench *testing.B) {
						besideOneDNN(bench, b, typ, l, m, kind)
					})
				}
			}
		}
	}
}

func besideOneDNN(bench *testing.B, b *Backend, typ kernels.DType, l linearBench, m int64, kind string) {
	use := kernels.WeightTrained
	if kind == "frozen" {
		use = kernels.WeightFrozen
	}
	r := newLinearRun(bench, b, typ, m, l, use)
	defer r.free(b)
	s := peerShape{m: m, n: l.o, k: l.i, typ: typ, out: kernels.F32, bTrans: true, keep: kind == "frozen"}
	x, w, y := r.x, r.w.Tensor, r.y
	switch kind {
	case "dinput":
		s = peerShape{m: m, n: l.i, k: l.o, typ: typ, out: kernels.F32}
		x, w, y = r.dy, r.w.Tensor, r.dx
	case "dweight":
		s = peerShape{m: l.o, n: l.i, k: m, typ: typ, out: kernels.F32, aTrans: true, accumulate: true}
		x, w, y = r.dy, r.x, r.dw
	}
	p, ok := openPeer(s)
	if !ok {
		bench.Skip("oneDNN has no such product on this machine")
	}
	defer p.close()
	name := kind
	if kind == "frozen" {
		name = "forward"
	}
	for range bench.N {
		ours, theirs, cpu := sides(7, func(n int) {
			for range n {
				r.run(b, name)
			}
			if err := b.Sync(); err != nil {
				bench.Fatal(err)
			}
		}, func(n int) {
			for range n {
				p.run(x, w, y)
			}
		})
		bench.ReportMetric(r.flops/ours/1e9, "GFLOP/s")
		bench.ReportMetric(r.flops/theirs/1e9, "peer-GFLOP/s")
		bench.ReportMetric(theirs/ours, "wall")
		bench.ReportMetric(cpu, "cpu")
		bench.ReportMetric(0, "ns/op")
	}
}
