package cpu

// #include "sum.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() { registerVectors("sum", "sum_squares") }

// Sum adds a tensor up in F64.
func (b *Backend) Sum(a kernels.SumArgs) {
	a.Check()
	args := C.sum_args{out: addr(a.Out), x: addr(a.X), len: C.int64_t(a.X.Len()), _type: dtype(a.X), accumulate: cbool(a.Accumulate)}
	b.submit(C.primer_sum_table[b.pick("sum")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// SumSquares adds the squares of a tensor up in F64.
func (b *Backend) SumSquares(a kernels.SumSquaresArgs) {
	a.Check()
	args := C.sum_args{
		out: addr(a.Out), x: addr(a.X), len: C.int64_t(a.X.Len()), _type: dtype(a.X), square: 1, accumulate: cbool(a.Accumulate),
	}
	b.submit(C.primer_sum_table[b.pick("sum_squares")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}
