package cpu

// #include "dropout.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// One product per element gives the same bits everywhere.
func init() {
	register("dropout", variantInfo{isaGeneric, "exact"}, variantInfo{isaAVX2, "exact"}, variantInfo{isaAVX512, "exact"})
}

// Dropout drops elements by counter; with P = 0 it copies.
func (b *Backend) Dropout(a kernels.DropoutArgs) {
	a.Check()
	args := C.dropout_args{
		out: addr(a.Out), x: addr(a.X), len: C.int64_t(a.X.Len()), dim: C.int64_t(a.X.Dim(1)),
		drop: dropoutSpec(a.Dropout), _type: dtype(a.X),
	}
	b.submit(C.primer_dropout_table[b.pick("dropout")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}
