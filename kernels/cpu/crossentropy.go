package cpu

// #include "crossentropy.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() { registerVectors("cross_entropy") }

// CrossEntropy is the loss of every row and, on demand, its gradient in place of the logits.
func (b *Backend) CrossEntropy(a kernels.CrossEntropyArgs) {
	a.Check()
	args := C.crossentropy_args{
		loss: addr(a.Loss), logits: addr(a.Logits), targets: addr(a.Targets), mask: addr(a.Mask), scale: addr(a.Scale),
		argmax: addr(a.ArgMax), rows: C.int64_t(a.Logits.Dim(0)), vocab: C.int64_t(a.Logits.Dim(1)),
		_type: dtype(a.Logits), gradient: cbool(a.Gradient),
	}
	b.submit(C.primer_crossentropy_table[b.pick("cross_entropy")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}
