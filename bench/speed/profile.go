package speed

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/primer-lm/primer/kernels"
)

// Profiler is a backend that waits after every operation and adds up its time by name and shape: where a step's time goes.
// Waiting costs a few microseconds an operation, and what runs beside the device (batches being made) hides no longer.
type Profiler struct {
	kernels.Backend
	Spent map[string]*Spent
	err   error
}

// Spent is the time of one kind of operation.
type Spent struct {
	Op    string
	Calls int
	Time  time.Duration
	CPU   time.Duration // of all threads
	FLOPs float64       // of matrix products
}

// NewProfiler wraps a backend.
func NewProfiler(b kernels.Backend) *Profiler {
	return &Profiler{Backend: b, Spent: map[string]*Spent{}}
}

// Reset forgets what was measured.
func (p *Profiler) Reset() { clear(p.Spent) }

// Sync returns the first failure, of those that the profiler itself waited for too.
func (p *Profiler) Sync() error {
	err := cmp.Or(p.err, p.Backend.Sync())
	p.err = nil
	return err
}

func (p *Profiler) time(op string, flops float64, issue func()) {
	p.err = cmp.Or(p.err, p.Backend.Sync())
	began, busy := time.Now(), processorTime()
	issue()
	p.err = cmp.Or(p.err, p.Backend.Sync())
	took, used := time.Since(began), processorTime()-busy
	s := p.Spent[op]
	if s == nil {
		s = &Spent{Op: op}
		p.Spent[op] = s
	}
	s.Calls, s.Time, s.FLOPs = s.Calls+1, s.Time+took, s.FLOPs+flops
	s.CPU += used
}

// product names a matrix product by what it is for and its weight's shape; its work is that of any of the three.
func (p *Profiler) product(kind string, rows, out, in int64, issue func()) {
	p.time(fmt.Sprintf("linear %s [%d,%d]", kind, out, in), 2*float64(rows)*float64(out)*float64(in), issue)
}

// Linear and the rest time the operation of the same name.
func (p *Profiler) Linear(a kernels.LinearArgs) {
	p.product("forward", a.X.Dim(0), a.W.O, a.W.I, func() { p.Backend.Linear(a) })
}

// LinearBackwardInput is timed.
func (p *Profiler) LinearBackwardInput(a kernels.LinearBackwardInputArgs) {
	p.product("dinput", a.DY.Dim(0), a.W.O, a.W.I, func() { p.Backend.LinearBackwardInput(a) })
}

// LinearBackwardWeight is timed.
func (p *Profiler) LinearBackwardWeight(a kernels.LinearBackwardWeightArgs) {
	p.product("dweight", a.DY.Dim(0), a.DW.Dim(0), a.DW.Dim(1), func() { p.Backend.LinearBackwardWeight(a) })
}

// Embed is timed.
func (p *Profiler) Embed(a kernels.EmbedArgs) { p.time("embed", 0, func() { p.Backend.Embed(a) }) }

// EmbedBackward is timed.
func (p *Profiler) EmbedBackward(a kernels.EmbedBackwardArgs) {
	p.time("embed backward", 0, func() { p.Backend.EmbedBackward(a) })
}

// RMSNorm is timed.
func (p *Profiler) RMSNorm(a kernels.RMSNormArgs) {
	p.time("rmsnorm", 0, func() { p.Backend.RMSNorm(a) })
}

// RMSNormBackward is timed.
func (p *Profiler) RMSNormBackward(a kernels.RMSNormBackwardArgs) {
	p.time("rmsnorm backward", 0, func() { p.Backend.RMSNormBackward(a) })
}

// Rope is timed.
func (p *Profiler) Rope(a kernels.RopeArgs) { p.time("rope", 0, func() { p.Backend.Rope(a) }) }

// Attention is timed.
func (p *Profiler) Attention(a kernels.AttentionArgs) {
	p.time("attention", 0, func() { p.Backend.Attention(a) })
}

// AttentionBackward is timed.
func (p *Profiler) AttentionBackward(a kernels.AttentionBackwardArgs) {
	p.time("attention backward", 0, func() { p.Backend.AttentionBackward(a) })
}

// GLU is timed.
func (p *Profiler) GLU(a kernels.GLUArgs) { p.time("glu", 0, func() { p.Backend.GLU(a) }) }

// GLUBackward is timed.
func (p *Profiler) GLUBackward(a kernels.GLUBackwardArgs) {
	p.time("glu backward", 0, func() { p.Backend.GLUBackward(a) })
}

// CrossEntropy is timed.
func (p *Profiler) CrossEntropy(a kernels.CrossEntropyArgs) {
	p.time("cross-entropy", 0, func() { p.Backend.CrossEntropy(a) })
}

// Sum is timed.
func (p *Profiler) Sum(a kernels.SumArgs) { p.time("sum", 0, func() { p.Backend.Sum(a) }) }

// SumSquares is timed.
func (p *Profiler) SumSquares(a kernels.SumSquaresArgs) {
	p.time("sum of squares", 0, func() { p.Backend.SumSquares(a) })
}

// AdamW is timed.
func (p *Profiler) AdamW(a kernels.AdamWArgs) { p.time("adamw", 0, func() { p.Backend.AdamW(a) }) }

// Copy is timed.
func (p *Profiler) Copy(a kernels.CopyArgs) { p.time("copy", 0, func() { p.Backend.Copy(a) }) }

// Fill is timed.
func (p *Profiler) Fill(a kernels.FillArgs) { p.time("fill", 0, func() { p.Backend.Fill(a) }) }

// PagedWrite is timed.
func (p *Profiler) PagedWrite(a kernels.PagedWriteArgs) {
	p.time("paged write", 0, func() { p.Backend.PagedWrite(a) })
}

// PagedAttention is timed.
func (p *Profiler) PagedAttention(a kernels.PagedAttentionArgs) {
	p.time("paged attention", 0, func() { p.Backend.PagedAttention(a) })
}

// Sample is timed.
func (p *Profiler) Sample(a kernels.SampleArgs) { p.time("sample", 0, func() { p.Backend.Sample(a) }) }

// Table lists the operations, most expensive first, per one of steps, with the share of a GEMM peak in FLOP/s where there is
// a product.
func (p *Profiler) Table(steps int, peak float64) string {
	total, busy := time.Duration(0), time.Duration(0)
	for _, s := range p.Spent {
		total, busy = total+s.Time, busy+s.CPU
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| op | calls | ms a step | CPU ms | share | GFLOP/s | of peak |\n|---|---|---|---|---|---|---|\n")
	for _, s := range slices.SortedFunc(maps.Values(p.Spent), func(a, b *Spent) int { return cmp.Compare(b.Time, a.Time) }) {
		rate, share := "–", "–"
		if s.FLOPs > 0 {
			rate = fmt.Sprintf("%.0f", s.FLOPs/s.Time.Seconds()/1e9)
			share = fmt.Sprintf("%.0f %%", 100*s.FLOPs/s.Time.Seconds()/peak)
		}
		fmt.Fprintf(&b, "| %s | %d | %.2f | %.2f | %.1f %% | %s | %s |\n", s.Op, s.Calls/steps, s.Time.Seconds()/float64(steps)*1e3, s.CPU.Seconds()/float64(steps)*1e3,
			100*s.Time.Seconds()/total.Seconds(), rate, share)
	}
	fmt.Fprintf(&b, "| all | | %.2f | %.2f | | | |\n", total.Seconds()/float64(steps)*1e3, busy.Seconds()/float64(steps)*1e3)
	return b.String()
}
