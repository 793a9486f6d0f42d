//go:build cuda

package cuda

import (
	"fmt"
	"math"

	"github.com/primer-lm/primer/kernels"
)

func init() {
	registerOp("paged_write", "exact")
	registerOp("paged_attention", "sm80")
}

const (
	pagedSplit   = 256     // keys of a split where the caller does not say
	pagedNarrow  = 4       // most new rows of a sequence whose splits are computed apart
	pagedMany    = 64      // with so many sequences only single rows are
	pagedWarps   = 4       // of every block
	pagedMaxDim  = 1024    // of the plain kernel: three rows a warp in 48 KiB of shared memory
	pagedMaxLen  = 1 << 30 // positions are 32-bit integers, with room for a split more
	pagedMaxGrid = 65535   // blocks in a grid's second and third dimension
	log2e        = 1.44269504
)

// pagedWriteArgs is struct paged_write_args of paged.cuh.
type pagedWriteArgs struct {
	kcache, vcache, qkv, slots, failed         uintptr
	pages, pageSize                            int64
	heads, kvHeads, dim, cacheBF16, vectors, _ int32
}

// pagedAttentionArgs is struct paged_attention_args of paged.cuh.
type pagedAttentionArgs struct {
	out, qkv, kcache, vcache, table, culens, lens, work, failed uintptr
	rows, pages, width                                          int64
	seqs, heads, kvHeads, dim                                   int32
	pageSize, maxLen, window                                    int32
	split, splits, stride                                       int32
	narrow, cacheBF16, aligned, outWords, wide                  int32
	scale                                                       float32
}

// isAligned says whether rows of dim elements of t start at multiples of so many bytes.
func isAligned(t kernels.Tensor, dim, bytes int64) bool {
	return t.Addr%uintptr(bytes) == 0 && dim*t.Type.Size()%bytes == 0
}

// PagedWrite stores the key and value heads of new rows.
func (b *Backend) PagedWrite(a kernels.PagedWriteArgs) {
	a.Check()
	n, d := a.QKV.Dim(0), a.QKV.Dim(2)
	if n == 0 || d == 0 {
		return
	}
	vectors := a.QKV.Type == a.KCache.Type && isAligned(a.QKV, d, 16) && isAligned(a.KCache, d, 16) && isAligned(a.VCache, d, 16)
	args := pagedWriteArgs{
		kcache: addr(a.KCache), vcache: addr(a.VCache), qkv: addr(a.QKV), slots: addr(a.Slots), failed: b.failures,
		pages: a.KCache.Dim(0), pageSize: a.KCache.Dim(2), heads: int32(a.Heads), kvHeads: int32(a.KVHeads), dim: int32(d),
		cacheBF16: asInt(a.KCache.Type == kernels.BF16), vectors: asInt(vectors),
	}
	pieces := 2 * a.KVHeads * d
	if vectors {
		pieces = pieces * a.QKV.Type.Size() / 16
	}
	grid := dims{int(n), int(min(ceilDiv(pieces, 4*pagedWarps*32), pagedMaxGrid)), 1} // four pieces a thread
	launch(b, "paged_write", "paged_write"+suffix(a.QKV), grid, pagedWarps*32, 0, &args)
}

// pagedTile says how the tensor cores take a head dimension: the numbers of the kernels at the end of paged.cu.
type pagedTile struct {
	dim, keys, narrowStages, wideStages int
	narrow, wide                        string
}

var pagedTiles = []pagedTile{
	{64, 64, 3, 2, "paged_narrow64_bf16", "paged_wide64_bf16"},
	{128, 32, 3, 2, "paged_narrow128_bf16", "paged_wide128_bf16"},
	{256, 32, 2, 2, "paged_narrow256_bf16", "paged_wide256_bf16"},
}

// pagedTileOf is the tile of the op's head dimension; ok is false where the plain kernel is used. It follows from shapes and
// dtypes alone, as bits do.
func pagedTileOf(a *kernels.PagedAttentionArgs) (t pagedTile, ok bool) {
	d := a.QKV.Dim(2)
	if a.QKV.Type != kernels.BF16 || a.KCache.Type != kernels.BF16 || d%16 != 0 {
		return t, false
	}
	for _, t = range pagedTiles {
		if d <= int64(t.dim) {
			return t, true
		}
	}
	return t, false
}

// shared is the dynamic shared memory of a block: the ring of tiles, the queries, and merged sums or scores.
func (t pagedTile) shared(wide bool) int {
	if wide {
		return t.wideStages*2*t.keys*t.dim*2 + 64*t.dim*2 + 64*t.dim*4
	}
	return t.narrowStages*2*t.keys*t.dim*2 + 16*t.dim*2 + 16*(t.keys+8)*4
}

// pagedSplits are the keys of a split, and how many splits the longest sequence may have.
func pagedSplits(a *kernels.PagedAttentionArgs) (keys, splits int64) {
	keys = a.SplitKeys
	if keys == 0 {
		keys = pagedSplit
	}
	keys = max(1, min(keys, a.MaxLen)) // one split is one split, however long
	return keys, ceilDiv(a.MaxLen, keys)
}

// pagedNarrowRows is the most new rows of a sequence whose splits are computed apart. It follows from the number of sequences
// alone, and bits do not depend on it.
func pagedNarrowRows(seqs int64) int64 { return max(1, min(pagedNarrow, pagedMany/max(1, seqs))) }

// pagedSlots is how many narrow rows Work has room for.
func pagedSlots(a *kernels.PagedAttentionArgs) int64 {
	seqs := a.Lens.Dim(0)
	return min(a.QKV.Dim(0), seqs*pagedNarrowRows(seqs))
}

// pagedStride is the floats of a sum in Work: whole vectors of 16 bytes.
func pagedStride(d int64) int64 { return ceilDiv(d, 4) * 4 }

// PagedAttentionPlan is the results of all splits of the rows that may be narrow; it depends on shapes alone.
func (b *Backend) PagedAttentionPlan(a kernels.PagedAttentionArgs) int64 {
	_, splits := pagedSplits(&a)
	return pagedSlots(&a) * a.Heads * splits * (pagedStride(a.QKV.Dim(2)) + 2) * kernels.F32.Size()
}

// PagedAttention is attention of new rows against the cache: at most three kernels, for sequences of few rows, for those of
// many, and to merge the splits of the first.
func (b *Backend) PagedAttention(a kernels.PagedAttentionArgs) {
	a.Check()
	n, d, seqs := a.QKV.Dim(0), a.QKV.Dim(2), a.Lens.Dim(0)
	if n == 0 || d == 0 || seqs == 0 {
		return
	}
	needWork("paged_attention", a.Work, b.PagedAttentionPlan(a))
	tile, tensorCores := pagedTileOf(&a)
	checkPaged(&a, tensorCores)
	args := b.pagedArgs(&a)
	if tensorCores {
		b.pagedTiled(&a, tile, &args)
	} else {
		b.pagedPlain(&a, &args)
	}
	joins := dims{int(args.seqs * args.narrow), int(ceilDiv(a.Heads, pagedWarps)), int(ceilDiv(d, 128))}
	launch(b, "paged_attention", "paged_join"+suffix(a.QKV), joins, pagedWarps*32, 0, &args)
}

// pagedTiled launches the kernels of the tensor cores.
func (b *Backend) pagedTiled(a *kernels.PagedAttentionArgs, tile pagedTile, args *pagedAttentionArgs) {
	n, narrow, group := a.QKV.Dim(0), int64(args.narrow), a.Heads/a.KVHeads
	grid := dims{int(args.seqs * args.splits), int(a.KVHeads * ceilDiv(min(narrow, n)*group, 16)), 1}
	launch(b, "paged_attention", tile.narrow, grid, pagedWarps*32, tile.shared(false), args)
	if n > narrow {
		most := ceilDiv(n*group, 64) + min(int64(args.seqs), n/(narrow+1)) // tiles: the last one of a sequence may not be full
		launch(b, "paged_attention", tile.wide, dims{int(most), int(a.KVHeads), 1}, pagedWarps*32, tile.shared(true), args)
	}
}

// pagedPlain launches the kernel without tensor cores.
func (b *Backend) pagedPlain(a *kernels.PagedAttentionArgs, args *pagedAttentionArgs) {
	n, d := a.QKV.Dim(0), a.QKV.Dim(2)
	kernel, heads := "paged_rows"+suffix(a.QKV), int(a.KVHeads*ceilDiv(a.Heads/a.KVHeads, pagedWarps))
	shared := pagedWarps * 3 * int(d) * 4
	launch(b, "paged_attention", kernel, dims{int(args.seqs * args.narrow), heads, int(args.splits)}, pagedWarps*32, shared, args)
	if n > int64(args.narrow) {
		args.wide = 1
		launch(b, "paged_attention", kernel, dims{int(n), heads, 1}, pagedWarps*32, shared, args)
	}
}

func (b *Backend) pagedArgs(a *kernels.PagedAttentionArgs) pagedAttentionArgs {
	d, seqs := a.QKV.Dim(2), a.Lens.Dim(0)
	split, splits := pagedSplits(a)
	window := int64(math.MaxInt32)
	if a.Window > 0 {
		window = min(a.Window, math.MaxInt32)
	}
	aligned := isAligned(a.QKV, d, 16) && isAligned(a.KCache, d, 16) && isAligned(a.VCache, d, 16)
	return pagedAttentionArgs{
		out: addr(a.Out), qkv: addr(a.QKV), kcache: addr(a.KCache), vcache: addr(a.VCache), table: addr(a.PageTable), culens: addr(a.CuLens),
		lens: addr(a.Lens), work: addr(a.Work), failed: b.failures, rows: a.QKV.Dim(0), pages: a.KCache.Dim(0), width: a.PageTable.Dim(1),
		seqs: int32(seqs), heads: int32(a.Heads), kvHeads: int32(a.KVHeads), dim: int32(d), pageSize: int32(a.KCache.Dim(2)),
		maxLen: int32(a.MaxLen), window: int32(window), split: int32(split), splits: int32(splits), stride: int32(pagedStride(d)),
		narrow: int32(pagedNarrowRows(seqs)), cacheBF16: asInt(a.KCache.Type == kernels.BF16),
		aligned: asInt(aligned), outWords: asInt(isAligned(a.Out, d, 4)), scale: a.Scale * log2e,
	}
}

// checkPaged refuses what the kernels' integers and grids do not hold.
func checkPaged(a *kernels.PagedAttentionArgs, tensorCores bool) {
	d, rows := a.QKV.Dim(2), a.KCache.Dim(0)*a.KVHeads*a.KCache.Dim(2)
	_, splits := pagedSplits(a)
	for _, limit := range []struct {
		bad  bool
		code string
	}{
		{a.MaxLen > pagedMaxLen, "MaxLen is above 2^30"},
		{rows >= math.MaxUint32, "the cache has more than 2^32 rows"},
		{!tensorCores && d > pagedMaxDim, "head_dim is above 1024"},
		{!tensorCores && splits > pagedMaxGrid, "more than 65535 splits"},
	} {
		if limit.bad {
			panic(&kernels.ShapeError{Op: "paged_attention", Code: limit.code, Detail: fmt.Sprintf("MaxLen %d, cache %v, %v", a.MaxLen, a.KCache, a.QKV)})
		}
	}
}
