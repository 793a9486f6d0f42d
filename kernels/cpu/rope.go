package cpu

// #include "rope.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() { registerVectors("rope") }

// Rope rotates the query and key heads of packed rows in place.
func (b *Backend) Rope(a kernels.RopeArgs) {
	a.Check()
	args := C.rope_args{
		qkv: addr(a.QKV), cos: addr(a.Cos), sin: addr(a.Sin), positions: addr(a.Positions),
		rows: C.int64_t(a.QKV.Dim(0)), row_heads: C.int64_t(a.QKV.Dim(1)), dim: C.int64_t(a.QKV.Dim(2)),
		heads: C.int64_t(a.Heads), table: C.int64_t(a.Cos.Dim(0)), _type: dtype(a.QKV), inverse: cbool(a.Inverse),
	}
	b.submit(C.primer_rope_table[b.pick("rope")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}
