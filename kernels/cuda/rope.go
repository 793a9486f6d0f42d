//go:build cuda

package cuda

import "github.com/primer-lm/primer/kernels"

func init() { registerOp("rope", "sm80") }

// ropeArgs is struct rope_args of rope.cu.
type ropeArgs struct {
	failures, qkv, cos, sin, positions uintptr
	rows, rowHeads, dim, heads, table  int64
	inverse, aligned                   int32
}

// Rope rotates the query and key heads of packed rows in place.
func (b *Backend) Rope(a kernels.RopeArgs) {
	a.Check()
	rows, dim := a.QKV.Dim(0), a.QKV.Dim(2)
	if dim == 0 {
		return
	}
	args := ropeArgs{
		failures: b.failures, qkv: addr(a.QKV), cos: addr(a.Cos), sin: addr(a.Sin), positions: addr(a.Positions),
		rows: rows, rowHeads: a.QKV.Dim(1), dim: dim, heads: a.Heads, table: a.Cos.Dim(0),
		inverse: asInt(a.Inverse), aligned: whole(dim/2, a.QKV, a.Cos, a.Sin),
	}
	items := a.Heads * ceilDiv(dim/2, packLen)
	launch(b, "rope", "rope"+suffix(a.QKV), dims{int(rows), 1, 1}, int(min(rowThreads, ceilDiv(items, 32)*32)), 0, &args)
}
