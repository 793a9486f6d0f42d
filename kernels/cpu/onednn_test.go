//go:build onednn

package cpu

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/primer-lm/primer/kernels"
)

// Rounds of a comparison. Each allocation anew gets other physical pages, which move a product by several percent on either
// side; a product that takes seconds has large pages and gets fewer rounds.
const (
	allocations = 3
	roundsEach  = 5
	roundTime   = 5 * time.Millisecond // of each side in a round, at least one call
	enoughTime  = 4 * time.Second      // after which an allocation is the last
)

// sides holds the rounds of one comparison: seconds a call.
type sides struct{ ours, theirs []float64 }

// measure adds paired rounds: both ways of the same work right after one another, the order changing from round to round, so
// that a slow spell of the machine or a warm cache falls on both. f and g do a way n times.
func (s *sides) measure(rounds int, f, g func(n int)) {
	nf, ng := callsFor(f), callsFor(g)
	for i := range rounds {
		if i%2 == 0 {
			s.ours = append(s.ours, secondsOf(f, nf))
			s.theirs = append(s.theirs, secondsOf(g, ng))
		} else {
			s.theirs = append(s.theirs, secondsOf(g, ng))
			s.ours = append(s.ours, secondsOf(f, nf))
		}
	}
}

// callsFor is how many calls fill a round.
func callsFor(f func(n int)) int {
	f(1)
	for n := 1; ; n *= 2 {
		start := time.Now()
		f(n)
		if took := time.Since(start); took > roundTime {
			return max(1, int(float64(n)*float64(roundTime)/float64(took)))
		}
	}
}

// secondsOf times n calls, after a few that bring their operands back into the caches. The pause lets threads of the other
// side stop spinning, and keeps a process of real-time priority below the share at which Linux throttles it.
func secondsOf(f func(n int), n int) float64 {
	time.Sleep(roundTime)
	if n > 1 {
		f((n + 3) / 4)
	}
	start := time.Now()
	f(n)
	return time.Since(start).Seconds() / float64(n)
}

// best is theirs/ours of each side's best round, median the middle one of the rounds' own ratios.
func (s *sides) best() float64 { return slices.Min(s.theirs) / slices.Min(s.ours) }

func (s *sides) median() float64 {
	ratios := make([]float64, len(s.ours))
	for i := range ratios {
		ratios[i] = s.theirs[i] / s.ours[i]
	}
	slices.Sort(ratios)
	return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
}

// BenchmarkLinearBesideOneDNN runs every shape on both and reports oneDNN's time over ours: above 1 we are faster. With one
// thread on each side:
//
//	OMP_NUM_THREADS=1 go test -tags onednn -run '^$' -bench BesideOneDNN -benchtime 1x -cpu 1 ./kernels/cpu
func BenchmarkLinearBesideOneDNN(bench *testing.B) {
	b := open(bench, 0)
	for _, typ := range []kernels.DType{kernels.F32, kernels.BF16} {
		for _, l := range linearBenches {
			for _, m := range []int64{1, 4, 8, 16, 32, 64, 256, 1024, 4096} {
				if m*l.o > 64<<20 {
					continue
				}
				for _, kind := range []string{"forward", "frozen", "dinput", "dweight"} {
					if kind == "frozen" && m > 64 || kind != "forward" && kind != "frozen" && m < 64 {
						continue
					}
					bench.Run(fmt.Sprintf("%v/%s/%s/%s/M=%d", typ, kind, l.model, l.layer, m), func(bench *testing.B) {
						for range bench.N {
							besideOneDNN(bench, b, typ, l, m, kind)
						}
					})
				}
			}
		}
	}
}

func besideOneDNN(bench *testing.B, b *Backend, typ kernels.DType, l linearBench, m int64, kind string) {
	var s sides
	for i, start := 0, time.Now(); i < allocations && time.Since(start) < enoughTime; i++ {
		addAllocation(bench, b, typ, l, m, kind, &s)
	}
	flops := 2 * float64(m*l.o*l.i)
	bench.ReportMetric(flops/slices.Min(s.ours)/1e9, "GFLOP/s")
	bench.ReportMetric(flops/slices.Min(s.theirs)/1e9, "peer-GFLOP/s")
	bench.ReportMetric(s.best(), "best")
	bench.ReportMetric(s.median(), "median")
	bench.ReportMetric(0, "ns/op")
}

// addAllocation adds the rounds of one allocation of a layer.
func addAllocation(bench *testing.B, b *Backend, typ kernels.DType, l linearBench, m int64, kind string, s *sides) {
	use, name := kernels.WeightTrained, kind
	if kind == "frozen" {
		use, name = kernels.WeightFrozen, "forward"
	}
	r := newLinearRun(bench, b, typ, m, l, use)
	defer r.free(b)
	p, ok := r.peer(m, l, typ, kind)
	if !ok {
		bench.Skip("oneDNN has no such product on this machine")
	}
	defer p.close()
	s.measure(roundsEach, func(n int) {
		for range n {
			r.run(b, name)
		}
		if err := b.Sync(); err != nil {
			bench.Fatal(err)
		}
	}, p.run)
}

// peer is the product of this kind on the same memory.
func (r *linearRun) peer(m int64, l linearBench, typ kernels.DType, kind string) (peer, bool) {
	switch kind {
	case "dinput":
		return openPeer(peerShape{m: m, n: l.i, k: l.o, typ: typ, out: kernels.F32}, r.dy, r.w.Tensor, r.dx)
	case "dweight":
		return openPeer(peerShape{m: l.o, n: l.i, k: m, typ: typ, out: kernels.F32, aTrans: true, accumulate: true}, r.dy, r.x, r.dw)
	}
	return openPeer(peerShape{m: m, n: l.o, k: l.i, typ: typ, out: kernels.F32, bTrans: true, keep: kind == "frozen"}, r.x, r.w.Tensor, r.y)
}

// The peer computes what we do: without that a comparison means nothing.
func TestOneDNNComputesTheSame(t *testing.T) {
	b := open(t, 1)
	l, m := linearBench{"small", "layer", 48, 80}, int64(24)
	for _, typ := range []kernels.DType{kernels.F32, kernels.BF16} {
		for _, kind := range []string{"forward", "frozen", "dinput", "dweight"} {
			r := newLinearRun(t, b, typ, m, l, kernels.WeightTrained)
			p, ok := r.peer(m, l, typ, kind)
			if !ok {
				t.Skipf("oneDNN has no %v product on this machine", typ)
			}
			name, out := kind, map[string]kernels.Tensor{"forward": r.y, "frozen": r.y, "dinput": r.dx, "dweight": r.dw}[kind]
			if kind == "frozen" {
				name = "forward"
			}
			r.run(b, name)
			if err := b.Sync(); err != nil {
				t.Fatal(err)
			}
			ours := slices.Clone(out.HostF32())
			clear(out.HostF32())
			p.run(1)
			for i, v := range out.HostF32() {
				if math.Abs(float64(v-ours[i])) > 1e-4 || v == 0 {
					t.Fatalf("%v %s: element %d: oneDNN %v, ours %v", typ, kind, i, v, ours[i])
				}
			}
			p.close()
			r.free(b)
		}
	}
}
