//go:build cuda

package cuda

import (
	"fmt"

	"github.com/primer-lm/primer/kernels"
)

func init() {
	registerVariants("attention", variantInfo{name: "sm90", bits: "sm90", hopper: true}, variantInfo{name: "sm80", bits: "sm80"})
	registerVariants("attention_backward", variantInfo{name: "sm90", bits: "sm90", hopper: true}, variantInfo{name: "sm80", bits: "sm80"}, variantInfo{name: "atomic", bits: "atomic"})
}

// maxHeadDim bounds head_dim: a plain kernel keeps four rows of it a warp in shared memory.
const maxHeadDim = 1024

// attentionArgs is struct attention_args of attention.cuh.
type attentionArgs struct {
	out, lse, qkv, culens, step, failures uintptr
	rows                                  int64
	docs, heads, kvHeads, dim             int32
	window, tiles                         int32
	scale, keep                           float32
	threshold, purpose, layer, _          uint32
}

// attentionBackwardArgs is struct attention_backward_args.
type attentionBackwardArgs struct {
	f                 attentionArgs
	dqkv, dout, delta uintptr
	dq                uintptr // of variant "atomic"
}

// attentionTiles is a kernel of attention.cu or attention_backward.cu for head dimensions up to some bound: its names without and
// with dropout, the rows of a block, its threads, the blocks that share a row's columns, and the bytes of shared memory that its
// constants come to.
type attentionTiles struct {
	names                        [2]string
	rows, threads, parts, shared int
}

func named(name string) [2]string { return [2]string{name + "_bf16", name + "_dropout_bf16"} }

// attentionKernels are those of one bound of head dimensions; atomic is attentionTable's only.
type attentionKernels struct{ forward, queries, keys, atomic attentionTiles }

// attentionTable has the tiles for head dimensions up to 64, 128 and 256. Shared memory in rows of D bf16: the block's own, and
// two stages of two operands; and the statistics of two stages of queries. The atomic kernels have a tile of ds beside that.
var attentionTable = [3]attentionKernels{
	{
		attentionTiles{named("attention_d64"), 128, 128, 1, (128 + 4*64) * 64 * 2},
		attentionTiles{named("attention_backward_queries_d64"), 128, 128, 1, (2*128 + 4*32) * 64 * 2},
		attentionTiles{named("attention_backward_keys_d64"), 128, 128, 1, (2*128+4*32)*64*2 + 4*32*4},
		attentionTiles{named("attention_backward_atomic_d64"), 128, 128, 1, (2*128+4*32)*64*2 + 4*32*4 + 16 + 128*32*2},
	},
	{
		attentionTiles{named("attention_d128"), 128, 128, 1, (128 + 4*32) * 128 * 2},
		attentionTiles{named("attention_backward_queries_d128"), 128, 128, 1, (2*128 + 4*32) * 128 * 2},
		attentionTiles{named("attention_backward_keys_d128"), 128, 256, 1, (2*128+4*64)*128*2 + 4*64*4},
		attentionTiles{named("attention_backward_atomic_d128"), 128, 256, 1, (2*128+4*64)*128*2 + 4*64*4 + 16 + 128*64*2},
	},
	{
		attentionTiles{named("attention_d256"), 64, 128, 1, (64 + 4*32) * 256 * 2},
		attentionTiles{named("attention_backward_queries_d256"), 64, 128, 1, (2*64 + 4*32) * 256 * 2},
		attentionTiles{named("attention_backward_keys_d256"), 64, 128, 2, (2*64+4*32)*256*2 + 4*32*4},
		attentionTiles{named("attention_backward_atomic_d256"), 64, 128, 2, (2*64+4*32)*256*2 + 4*32*4 + 16 + 64*32*2},
	},
}

// hopperTable has those of variant "sm90" for head dimensions up to 64 and 128: the block's rows and two stages of two operands
// (backward: three), and 1 KB to align them by.
var hopperTable = [2]attentionKernels{
	{
		forward: attentionTiles{named("attention_hopper_d64"), 128, 256, 1, (128+4*128)*64*2 + 1024},
		queries: attentionTiles{named("attention_backward_hopper_queries_d64"), 128, 256, 1, (2*128+6*64)*64*2 + 1024},
		keys:    attentionTiles{named("attention_backward_hopper_keys_d64"), 128, 256, 1, (2*128+6*64)*64*2 + 6*64*4 + 1024},
	},
	{
		forward: attentionTiles{named("attention_hopper_d128"), 128, 256, 1, (128+4*128)*128*2 + 1024},
		queries: attentionTiles{named("attention_backward_hopper_queries_d128"), 128, 256, 1, (2*128+6*64)*128*2 + 1024},
		keys:    attentionTiles{named("attention_backward_hopper_keys_d128"), 128, 256, 1, (2*128+6*64)*128*2 + 6*64*4 + 1024},
	},
}

// tiled says whether the kernels of tiles take operands of head_dim d, and which of the table: bf16, and rows that are copied
// 16 bytes at a time.
func tiled(d int64, operands ...kernels.Tensor) (int, bool) {
	for _, t := range operands {
		if t.Type != kernels.BF16 || addr(t)%16 != 0 || d%8 != 0 || d > 256 {
			return 0, false
		}
	}
	switch {
	case d <= 64:
		return 0, true
	case d <= 128:
		return 1, true
	}
	return 2, true
}

// attentionKernels are those that op runs by, of number i of the tables.
func (b *Backend) attentionKernels(op string, i int) *attentionKernels {
	if i < len(hopperTable) && b.pick(op) == "sm90" {
		return &hopperTable[i]
	}
	return &attentionTable[i]
}

// fit sets how many tiles a head has (find_document: N/rows + S), and returns the kernel and its grid.
func (t *attentionTiles) fit(f *attentionArgs, heads int32) (kernel string, grid dims) {
	f.tiles = int32(f.rows/int64(t.rows)) + f.docs
	kernel = t.names[0]
	if f.threshold != 0 {
		kernel = t.names[1]
	}
	return kernel, dims{int(f.tiles) * int(heads) * t.parts, 1, 1}
}

// Of the plain kernels a warp is one row of one head, and has four rows and some weights in shared memory.
const plainWarps = 4

func plainGrid(f *attentionArgs, heads int32) dims {
	return dims{int(ceilDiv(f.rows*int64(heads), plainWarps)), 1, 1}
}
func plainShared(f *attentionArgs) int { return plainWarps * (4*int(f.dim) + 2*32) * 4 }

// unlimited is the window of attention without one: longer than any document, and far enough from overflow to be added to.
const unlimited = 0x7fff0000

func (b *Backend) attentionArgs(op string, qkv, culens kernels.Tensor, heads, kvHeads, window int64, scale float32, d kernels.Dropout) attentionArgs {
	if qkv.Dim(2) > maxHeadDim {
		panic(&kernels.ShapeError{Op: op, Code: fmt.Sprintf("head_dim is above %d", maxHeadDim), Detail: fmt.Sprint(qkv.Dim(2))})
	}
	if window == 0 || window > unlimited {
		window = unlimited
	}
	out := attentionArgs{
		qkv: addr(qkv), culens: addr(culens), failures: b.failures, rows: qkv.Dim(0), docs: int32(culens.Dim(0) - 1),
		heads: int32(heads), kvHeads: int32(kvHeads), dim: int32(qkv.Dim(2)), window: int32(window), scale: scale, keep: 1,
	}
	if d.P > 0 {
		out.step, out.keep = addr(d.Step), 1/(1-d.P)
		out.threshold, out.purpose, out.layer = kernels.DropThreshold(d.P), uint32(d.Purpose), d.Layer
	}
	return out
}

// Attention is causal attention over packed documents.
func (b *Backend) Attention(a kernels.AttentionArgs) {
	a.Check()
	const op = "attention"
	f := b.attentionArgs(op, a.QKV, a.CuLens, a.Heads, a.KVHeads, a.Window, a.Scale, a.Dropout)
	f.out, f.lse = addr(a.Out), addr(a.LSE)
	if f.rows == 0 {
		return
	}
	if i, ok := tiled(a.QKV.Dim(2), a.QKV); ok {
		t := &b.attentionKernels(op, i).forward
		kernel, grid := t.fit(&f, f.heads)
		launch(b, op, kernel, grid, t.threads, t.shared, &f)
		return
	}
	launch(b, op, "attention_plain"+suffix(a.QKV), plainGrid(&f, f.heads), 32*plainWarps, plainShared(&f), &f)
}

// AttentionPlan is nothing: tiles live in shared memory.
func (b *Backend) AttentionPlan(kernels.AttentionArgs) int64 { return 0 }

// AttentionBackward computes the gradients of queries, keys and values: delta, then dk and dv, then dq.
func (b *Backend) AttentionBackward(a kernels.AttentionBackwardArgs) {
	a.Check()
	const op = "attention_backward"
	needWork(op, a.Work, b.AttentionBackwardPlan(a))
	args := attentionBackwardArgs{
		f:    b.attentionArgs(op, a.QKV, a.CuLens, a.Heads, a.KVHeads, a.Window, a.Scale, a.Dropout),
		dqkv: addr(a.DQKV), dout: addr(a.DOut), delta: addr(a.Work),
	}
	f := &args.f
	f.out, f.lse = addr(a.Out), addr(a.LSE)
	if f.rows == 0 {
		return
	}
	launch(b, op, "attention_backward_delta"+suffix(a.QKV), dims{int(ceilDiv(f.rows*a.Heads, 32)), 1, 1}, 256, 0, &args)
	if i, ok := tiled(a.QKV.Dim(2), a.QKV, a.DOut); ok {
		t := b.attentionKernels(op, i)
		if b.pick(op) == "atomic" {
			b.attentionBackwardAtomic(&args, &t.atomic)
			return
		}
		kernel, grid := t.keys.fit(f, f.kvHeads)
		launch(b, op, kernel, grid, t.keys.threads, t.keys.shared, &args)
		kernel, grid = t.queries.fit(f, f.heads)
		launch(b, op, kernel, grid, t.queries.threads, t.queries.shared, &args)
		return
	}
	launch(b, op, "attention_backward_plain_keys"+suffix(a.QKV), plainGrid(f, f.kvHeads), 32*plainWarps, plainShared(f), &args)
	launch(b, op, "attention_backward_plain_queries"+suffix(a.QKV), plainGrid(f, f.heads), 32*plainWarps, plainShared(f), &args)
}

// dqTile is the rows of a piece of dq in Work (attention_keys.cuh).
const dqTile = 16

func (f *attentionArgs) dqBlocks() int64 { return f.rows/dqTile + int64(f.docs) }

// attentionBackwardAtomic computes the gradients in one pass, dq by atomics in f32, once delta is there.
func (b *Backend) attentionBackwardAtomic(args *attentionBackwardArgs, t *attentionTiles) {
	const op = "attention_backward"
	f := &args.f
	args.dq = args.delta + uintptr(f.rows*int64(f.heads)*kernels.F32.Size())
	dq := kernels.ShapeOf(kernels.F32, int64(f.heads), f.dqBlocks(), dqTile, int64(f.dim))
	dq.Addr = args.dq
	b.zero(op, dq)
	kernel, grid := t.fit(f, f.kvHeads)
	launch(b, op, kernel, grid, t.threads, t.shared, args)
	f.tiles = int32(f.dqBlocks())
	launch(b, op, "attention_backward_dq_bf16", dims{int(f.tiles) * int(f.heads), 1, 1}, 128, 0, args)
}

// AttentionBackwardPlan is delta, one number for every row and head; and for the atomic kernels dq, in f32.
func (b *Backend) AttentionBackwardPlan(a kernels.AttentionBackwardArgs) int64 {
	f := attentionArgs{rows: a.QKV.Dim(0), docs: int32(a.CuLens.Dim(0) - 1)}
	numbers := f.rows * a.Heads
	if _, ok := tiled(a.QKV.Dim(2), a.QKV, a.DOut); ok && b.pick("attention_backward") == "atomic" {
		numbers += a.Heads * f.dqBlocks() * dqTile * a.QKV.Dim(2)
	}
	return numbers * kernels.F32.Size()
}
