package kernels

// A paged cache holds, per layer, K and V as [pages, K, PageSize, D]: one page is PageSize positions of one sequence for all
// key heads. Position t of a sequence lies in page table[t / PageSize] at t mod PageSize. Pages are recycled without being
// cleared: what lies past a sequence's length is never read.

// PagedWriteArgs stores the key and value heads of new rows: cache slot[n] = page·PageSize + offset; a negative slot is
// skipped. A slot outside the cache is a device failure. Rows never share a slot.
type PagedWriteArgs struct {
	KCache, VCache Tensor // [pages,K,PageSize,D] F32 or BF16
	QKV            Tensor // [N,R,D] F32 or BF16, keys already rotated
	Slots          Tensor // [N] I64
	Heads, KVHeads int64
}

// PagedAttentionArgs is attention of a ragged batch of new rows against the cache, which already holds them: one row
// (decode) or a chunk (prefill) per sequence. Sequence s has rows culens[s] to culens[s+1], the last of which is position
// lens[s]−1; masks and softmax are those of AttentionArgs. Keys are taken in fixed splits of SplitKeys positions (0: the
// backend's own, the same for every call), partial results merged in order, so that a row's bits depend on nothing but its own
// keys: not on chunking, not on the batch.
type PagedAttentionArgs struct {
	Out            Tensor // [N,H,D] F32 or BF16
	QKV            Tensor // [N,R,D] F32 or BF16; only the query heads are read
	KCache, VCache Tensor // [pages,K,PageSize,D]
	PageTable      Tensor // [S,max pages] I32
	CuLens         Tensor // [S+1] I32
	Lens           Tensor // [S] I32, positions in the cache including the new rows
	Heads, KVHeads int64
	MaxLen         int64 // an upper bound of lens
	Window         int64
	SplitKeys      int64
	Scale          float32
	Work           Tensor // [PagedAttentionPlan bytes] U8
}

// PagedOps is attention as generation uses it.
type PagedOps interface {
	PagedWrite(PagedWriteArgs)
	PagedAttention(PagedAttentionArgs)
	PagedAttentionPlan(PagedAttentionArgs) int64
}
