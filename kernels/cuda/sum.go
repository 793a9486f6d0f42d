//go:build cuda

package cuda

import "github.com/primer-lm/primer/kernels"

func init() {
	registerOp("sum", "f64 sums of at most 2048 parts")
	registerOp("sum_squares", "f64 sums of at most 2048 parts")
}

// How a sum is cut into parts, which depends on its length alone: at most sumParts, of a multiple of sumGrain elements, what one
// block reads at once.
const (
	sumThreads = 256
	sumParts   = 2048
	sumGrain   = sumThreads * 8 * 4
)

// sumBytes is the size of what b.sums holds: an f64 for every part.
const sumBytes = sumParts * 8

// sumArgs is struct sum_args of sum.cu, sumTotalArgs struct sum_total_args.
type sumArgs struct {
	x, parts, failures uintptr
	len, part          int64
}
type sumTotalArgs struct {
	parts, out, failures uintptr
	count, accumulate    int32
}

// Sum adds a tensor up in F64.
func (b *Backend) Sum(a kernels.SumArgs) {
	a.Check()
	b.sum("sum", a.Out, a.X, a.Accumulate)
}

// SumSquares adds the squares of a tensor up in F64.
func (b *Backend) SumSquares(a kernels.SumSquaresArgs) {
	a.Check()
	b.sum("sum_squares", a.Out, a.X, a.Accumulate)
}

// sum sums parts, one a block, and then the parts.
func (b *Backend) sum(op string, out, x kernels.Tensor, accumulate bool) {
	n := x.Len()
	part := ceilDiv(ceilDiv(n, sumParts), sumGrain) * sumGrain
	count := 0
	if n > 0 {
		count = int(ceilDiv(n, part))
	}
	parts := sumArgs{x: addr(x), parts: b.sums, failures: b.failures, len: n, part: part}
	launch(b, op, op+suffix(x), dims{count, 1, 1}, sumThreads, 0, &parts)
	total := sumTotalArgs{parts: b.sums, out: addr(out), failures: b.failures, count: int32(count), accumulate: int32(boolInt(accumulate))}
	launch(b, op, "sum_total_f64", dims{1, 1, 1}, sumThreads, 0, &total)
}
