package cpu

// #include "optimizer.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() {
	register("clip", variantInfo{isaGeneric, "scalar"})
	registerVectors("adamw")
}

// Clip turns the sum of squares into the gradients' factor.
func (b *Backend) Clip(a kernels.ClipArgs) {
	a.Check()
	args := C.clip_args{clip: addr(a.Clip), sumsq: addr(a.SumSquares), loss: addr(a.Loss), max_norm: C.float(a.MaxNorm)}
	b.submit(C.primer_clip_table[b.pick("clip")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// AdamW updates all parameters.
func (b *Backend) AdamW(a kernels.AdamWArgs) {
	a.Check()
	args := C.adamw_args{
		master: addr(a.Master), shadow: addr(a.Shadow), grad: addr(a.Grad), m: addr(a.M), v: addr(a.V), decay: addr(a.Decay),
		hyper: addr(a.Hyper), clip: addr(a.Clip), step: addr(a.Step), len: C.int64_t(a.Master.Len()), first: C.int64_t(a.First),
		beta1: C.float(a.Beta1), beta2: C.float(a.Beta2), eps: C.float(a.Eps), weight_decay: C.float(a.WeightDecay),
		moment_type: dtype(a.M),
	}
	b.submit(C.primer_adamw_table[b.pick("adamw")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}
