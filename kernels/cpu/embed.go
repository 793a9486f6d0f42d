package cpu

// #include "embed.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

// Looking up and adding in order give the same bits everywhere.
func init() {
	for _, op := range []string{"embed", "embed_backward"} {
		register(op, variantInfo{isaGeneric, "exact"}, variantInfo{isaAVX2, "exact"}, variantInfo{isaAVX512, "exact"})
	}
}

// Embed looks rows up.
func (b *Backend) Embed(a kernels.EmbedArgs) {
	a.Check()
	args := C.embed_args{
		out: addr(a.Out), table: addr(a.Table), tokens: addr(a.Tokens), rows: C.int64_t(a.Out.Dim(0)),
		dim: C.int64_t(a.Table.Dim(1)), vocab: C.int64_t(a.Table.Dim(0)), out_type: dtype(a.Out), table_type: dtype(a.Table),
	}
	b.submit(C.primer_embed_table[b.pick("embed")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// EmbedBackward adds the gradients of looked-up rows.
func (b *Backend) EmbedBackward(a kernels.EmbedBackwardArgs) {
	a.Check()
	args := C.embed_backward_args{
		dtable: addr(a.DTable), dout: addr(a.DOut), tokens: addr(a.Tokens), rows: C.int64_t(a.DOut.Dim(0)),
		dim: C.int64_t(a.DTable.Dim(1)), vocab: C.int64_t(a.DTable.Dim(0)), _type: dtype(a.DOut), accumulate: cbool(a.Accumulate),
	}
	b.submit(C.primer_embed_backward_table[b.pick("embed_backward")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// EmbedBackwardPlan is nothing.
func (b *Backend) EmbedBackwardPlan(kernels.EmbedBackwardArgs) int64 { return 0 }
