//go:build onednn

package cpu

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/primer-lm/primer/kernels"
)

// sides measures two ways of the same work in turns: rounds of at least 10 ms each, with a pause before each so that the
// peer's threads have stopped spinning. It returns the best seconds of each and the median of the ratios peer/ours.
func sides(rounds int, ours, theirs func(n int)) (a, b, ratio float64) {
	calls := func(f func(n int)) int {
		f(2)
		for n := 1; ; n *= 2 {
			start := time.Now()
			if f(n); time.Since(start) > 10*time.Millisecond {
				return n
			}
		}
	}
	timed := func(f func(n int), n int) float64 {
		time.Sleep(10 * time.Millisecond)
		f(max(n/4, 1))
		start := time.Now()
		f(n)
		return time.Since(start).Seconds() / float64(n)
	}
	na, nb := calls(ours), calls(theirs)
	var as, bs, ratios []float64
	for range rounds {
		ta, tb := timed(ours, na), timed(theirs, nb)
		as, bs, ratios = append(as, ta), append(bs, tb), append(ratios, tb/ta)
	}
	slices.Sort(ratios)
	return slices.Min(as), slices.Min(bs), ratios[len(ratios)/2]
}

// BenchmarkLinearBesideOneDNN runs every shape on both, alternating, and reports oneDNN's time over ours: above 1 we are
// faster ("best" by the best round of each, "median" by the median of the rounds' ratios).
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
		ours, theirs, ratio := sides(5, func(n int) {
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
		bench.ReportMetric(theirs/ours, "best")
		bench.ReportMetric(ratio, "median")
		bench.ReportMetric(0, "ns/op")
	}
}
