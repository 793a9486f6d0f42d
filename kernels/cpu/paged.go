package cpu

// #include "paged.h"
import "C"

import (
	"unsafe"

	"github.com/primer-lm/primer/kernels"
)

func init() {
	register("paged_write", variantInfo{isaGeneric, "exact"}, variantInfo{isaAVX2, "exact"}, variantInfo{isaAVX512, "exact"})
	registerVectors("paged_attention")
}

// PagedWrite stores the key and value heads of new rows.
func (b *Backend) PagedWrite(a kernels.PagedWriteArgs) {
	a.Check()
	args := C.paged_write_args{
		kcache: addr(a.KCache), vcache: addr(a.VCache), qkv: addr(a.QKV), slots: addr(a.Slots),
		rows: C.int64_t(a.QKV.Dim(0)), heads: C.int64_t(a.Heads), kv_heads: C.int64_t(a.KVHeads), dim: C.int64_t(a.QKV.Dim(2)),
		pages: C.int64_t(a.KCache.Dim(0)), page_size: C.int64_t(a.KCache.Dim(2)), _type: dtype(a.QKV), cache_type: dtype(a.KCache),
	}
	b.submit(C.primer_paged_write_table[b.pick("paged_write")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

// PagedAttention is attention of new rows against the cache.
func (b *Backend) PagedAttention(a kernels.PagedAttentionArgs) {
	a.Check()
	checkHeadDim("paged_attention", a.QKV.Dim(2))
	plan := b.PagedAttentionPlan(a)
	needWork("paged_attention", a.Work, plan)
	args := C.paged_attention_args{
		out: addr(a.Out), qkv: addr(a.QKV), kcache: addr(a.KCache), vcache: addr(a.VCache), table: addr(a.PageTable),
		culens: addr(a.CuLens), lens: addr(a.Lens), rows: C.int64_t(a.QKV.Dim(0)), seqs: C.int64_t(a.Lens.Dim(0)),
		heads: C.int64_t(a.Heads), kv_heads: C.int64_t(a.KVHeads), dim: C.int64_t(a.QKV.Dim(2)), pages: C.int64_t(a.KCache.Dim(0)),
		page_size: C.int64_t(a.KCache.Dim(2)), table_width: C.int64_t(a.PageTable.Dim(1)), max_len: C.int64_t(a.MaxLen),
		window: C.int64_t(a.Window), split: C.int64_t(splitKeys(a)), scale: C.float(a.Scale), _type: dtype(a.QKV), cache_type: dtype(a.KCache),
	}
	if plan > 0 {
		args.work = addr(a.Work)
	}
	b.submit(C.primer_paged_attention_table[b.pick("paged_attention")], unsafe.Pointer(&args), unsafe.Sizeof(args))
}

func splitKeys(a kernels.PagedAttentionArgs) int64 {
	if a.SplitKeys == 0 {
		return C.PAGED_SPLIT
	}
	return a.SplitKeys
}

// PagedAttentionPlan is the results of all splits of the rows that may be decode rows, where there are so few sequences that
// splits are shared among threads; it depends on shapes alone.
func (b *Backend) PagedAttentionPlan(a kernels.PagedAttentionArgs) int64 {
	splits := (a.MaxLen + splitKeys(a) - 1) / splitKeys(a)
	if seqs := a.Lens.Dim(0); splits > 1 && seqs*a.KVHeads < C.PAGED_ITEMS {
		rows := min(a.QKV.Dim(0), seqs*C.PAGED_NARROW)
		return rows * a.Heads * splits * ((a.QKV.Dim(2)+15)/16*16 + 16) * kernels.F32.Size()
	}
	return 0
}
