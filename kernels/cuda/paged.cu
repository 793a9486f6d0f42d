// The paged cache: writing new keys and values, and attention of new rows against it.
//
// Shapes: qkv [N,R,D], caches [pages,K,PageSize,D], out [N,H,D]; sequence s has rows culens[s] to culens[s+1], the last of which is
// position lens[s]−1.
//
// Method: keys are taken in splits of fixed positions, a split in tiles counted from its start, with an online softmax of its own;
// the splits of a row are merged in ascending order. Who computes a split is free: a sequence with few new rows (decode) has a
// block for every split and key head, which leaves its sums in Work for a second kernel to merge; one with many (prefill) has a
// block for every 64 rows × heads, which takes all splits and merges as it goes. Bits are the same, whatever the batch and the
// chunks.
//
// bf16 runs on the tensor cores (paged_tile.cuh and after); f32, mixed types and odd head dimensions on a plain kernel: a warp per row and
// head, keys in the lanes for q·k, columns in the lanes for p·v.
//
// Roofline: decode reads every key and value once, 4·K·D bytes a position. Batch 32 of a 7B model (K = 32, D = 128) at 2,048
// positions: 1.07 GB a layer, 224 µs at 4.8 TB/s, for 1.1 GFLOP; with 15 of a tile's 16 rows empty, as here, the tensor cores do 16
// times that, 17 µs at 989 TFLOP/s. Sums left in Work are written and read once: 3 % of the cache's bytes with 4 query heads a
// key head. Nothing here has been timed yet.
//
// Considered and left out: a warp per split (no barriers, but a single sequence leaves each warp alone with 256 keys); 64 keys a
// tile for D = 128 (half the blocks a multiprocessor); merging in the last block that finishes (its counter would have to be
// cleared between replays of a graph).
#include "paged_blocks.cuh"

// paged_write stores the key and value heads of new rows, blockIdx.x being the row, in pieces of 16 bytes or of one element. A slot
// below 0 is skipped.
template <class T> DEVICE void paged_write(const paged_write_args &a) {
	const i64 n = blockIdx.x, slot = a.slots[n];
	if (slot < 0 || failed_before(a.failed)) return;
	if (slot >= a.pages * a.page_size) {
		if (threadIdx.x == 0) fail(a.failed, FAIL_SLOT, n, slot);
		return;
	}
	const bool same = (a.cache_bf16 != 0) == (sizeof(T) == sizeof(bf16)), vectors = a.vectors != 0;
	const int each = vectors ? 16 / sizeof(T) : 1, pieces = a.dim / each;
	const i64 page = slot / a.page_size, offset = slot % a.page_size;
	const T *row = (const T *)a.qkv + (n * (a.heads + 2 * a.kv_heads) + a.heads) * a.dim;
	for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < 2 * a.kv_heads * pieces; i += gridDim.y * blockDim.x) {
		const int g = i / pieces, d = i % pieces * each;
		const T *from = row + (i64)g * a.dim + d;
		void *cache = g < a.kv_heads ? a.kcache : a.vcache;
		const i64 to = ((page * a.kv_heads + g % a.kv_heads) * a.page_size + offset) * a.dim + d;
		if (vectors)
			store16((T *)cache + to, load16(from));
		else if (same)
			((T *)cache)[to] = *from;
		else if (a.cache_bf16)
			store_as((bf16 *)cache, to, f32_of(*from));
		else
			store_as((float *)cache, to, f32_of(*from));
	}
}

// A warp of the plain kernel: one head of one row at a position; its q, the sum of the split and the merged sum, in shared memory.
struct paged_line {
	paged_sequence s;
	int row, head, group, position, lane;
	float *q, *sum, *merged;
	paged_softmax x;
};

// paged_dot is q·k, d ascending, with 16 bytes of k at a time where they are aligned.
template <class C> DEVICE float paged_dot(const paged_attention_args &a, const float *q, const C *k) {
	constexpr int each = 16 / sizeof(C);
	float sum = 0;
	int d = 0;
	if (a.aligned) {
		for (; d + each <= a.dim; d += each) {
			const vec16 v = load16(k + d);
#pragma unroll
			for (int i = 0; i < each; i++) {
				const u32 w = sizeof(C) == 4 ? v.w[i] : i % 2 ? v.w[i / 2] & 0xffff0000u : v.w[i / 2] << 16;
				sum = fma_rn(q[d + i], f32_bits(w), sum);
			}
		}
	}
	for (; d < a.dim; d++) sum = fma_rn(q[d], f32_of(k[d]), sum);
	return sum;
}

// paged_columns adds the weighted values of keys [from, to) of the tile, of 4 · 32 columns.
template <class C> DEVICE void paged_columns(const paged_attention_args &a, paged_line &w, u32 row, float p, float before, int from, int to, int column) {
	float sum[4];
#pragma unroll
	for (int i = 0; i < 4; i++) sum[i] = column + i * WARP < a.dim ? mul_rn(w.sum[column + i * WARP], before) : 0.0f;
	for (int key = from; key < to; key++) {
		const float weight = shuffle(p, key);
		const C *v = (const C *)a.vcache + (i64)shuffle(row, key) * a.dim;
#pragma unroll
		for (int i = 0; i < 4; i++)
			if (column + i * WARP < a.dim) sum[i] = fma_rn(weight, f32_of(v[column + i * WARP]), sum[i]);
	}
#pragma unroll
	for (int i = 0; i < 4; i++)
		if (column + i * WARP < a.dim) w.sum[column + i * WARP] = sum[i];
}

// paged_tile takes 32 keys from j, of which [from, to) are allowed, a key a lane.
template <class C> DEVICE void paged_tile(const paged_attention_args &a, paged_line &w, int j, int from, int to) {
	float score = NEVER, base;
	u32 row = NO_ROW;
	if (w.lane >= from && w.lane < to) row = paged_row(a, w.s.id, w.group, j + w.lane);
	if (ballot(row == NO_ROW && w.lane >= from && w.lane < to) != 0) return; // a failure
	if (row != NO_ROW) score = mul_rn(paged_dot(a, w.q, (const C *)a.kcache + (i64)row * a.dim), a.scale);
	const float top = warp_max(score == score ? score : NEVER), before = paged_raise(w.x.m, top, base);
	const float p = exp2_fast(add_rn(score, -base));
	w.x.l = fma_rn(w.x.l, before, warp_sum(p));
	for (int column = w.lane; column - w.lane < a.dim; column += 4 * WARP) paged_columns<C>(a, w, row, p, before, from, to, column);
}

// paged_split computes the split that starts at position `start`.
template <class C> DEVICE void paged_split(const paged_attention_args &a, paged_line &w, int start) {
	const int lowest = greater(start, paged_lowest(a, w.position)), end = w.position - start < a.split ? w.position + 1 : start + a.split;
	w.x.m = NEVER, w.x.l = 0;
	for (int d = w.lane; d < a.dim; d += WARP) w.sum[d] = 0;
	for (int j = start + (lowest - start) / WARP * WARP; j < end; j += WARP) paged_tile<C>(a, w, j, greater(lowest - j, 0), lesser(end - j, WARP));
}

// paged_all takes all splits of a row of a wide sequence, merges them and writes the row.
template <class T, class C> DEVICE void paged_all(const paged_attention_args &a, paged_line &w) {
	paged_softmax merged = {NEVER, 0};
	float before, now;
	for (int d = w.lane; d < a.dim; d += WARP) w.merged[d] = 0;
	for (i64 start = paged_lowest(a, w.position) / a.split * a.split; start <= w.position; start += a.split) {
		paged_split<C>(a, w, (int)start);
		if (!paged_fold(merged, w.x, before, now)) continue;
		for (int d = w.lane; d < a.dim; d += WARP) w.merged[d] = paged_add(w.merged[d], before, w.sum[d], now);
	}
	const float r = 1.0f / merged.l;
	T *out = (T *)a.out + ((i64)(w.s.row + w.row) * a.heads + w.head) * a.dim;
	for (int d = w.lane; d < a.dim; d += WARP) store_as(out, d, mul_rn(w.merged[d], r));
}

// paged_one takes one split of a row of a narrow sequence and leaves it in Work.
template <class C> DEVICE void paged_one(const paged_attention_args &a, paged_line &w, int split) {
	const i64 start = (i64)split * a.split;
	if (start > w.position || start + a.split <= paged_lowest(a, w.position)) return;
	paged_split<C>(a, w, (int)start);
	const i64 part = paged_part(a, w.s, w.row, w.head, split);
	for (int d = w.lane; d < a.dim; d += WARP) a.work[part * a.stride + d] = w.sum[d];
	if (w.lane == 0) *(paged_softmax *)paged_stats(a, part) = w.x;
}

// paged_rows is the plain kernel: 4 warps are 4 heads of one key head, which read the same keys.
template <class T> DEVICE void paged_rows(const paged_attention_args &a) {
	paged_line w;
	const int heads = a.heads / a.kv_heads, quads = (heads + 3) / 4, head = blockIdx.y % quads * 4 + threadIdx.x / WARP;
	u32 row = gridDim.x - 1 - blockIdx.x;
	int id = blockIdx.x / a.narrow;
	if (a.wide)
		id = paged_find(a, 1, 1, row);
	else
		row = blockIdx.x % a.narrow;
	if (id < 0 || failed_before(a.failed) || !paged_enter(a, id, w.s) || (int)row >= w.s.rows || (w.s.rows > a.narrow) != (a.wide != 0) || head >= heads) return;
	w.lane = threadIdx.x % WARP, w.row = (int)row, w.position = w.s.first + w.row;
	w.group = blockIdx.y / quads, w.head = w.group * heads + head;
	w.q = (float *)dynamic_shared() + threadIdx.x / WARP * 3 * a.dim, w.sum = w.q + a.dim, w.merged = w.sum + a.dim;
	const i64 at = ((i64)(w.s.row + w.row) * (a.heads + 2 * a.kv_heads) + w.head) * a.dim;
	for (int d = w.lane; d < a.dim; d += WARP) w.q[d] = f32_of(((const T *)a.qkv)[at + d]);
	__syncwarp();
	if (a.wide && a.cache_bf16)
		paged_all<T, bf16>(a, w);
	else if (a.wide)
		paged_all<T, float>(a, w);
	else if (a.cache_bf16)
		paged_one<bf16>(a, w, blockIdx.z);
	else
		paged_one<float>(a, w, blockIdx.z);
}

// paged_join merges the splits of a narrow row, a warp for a head of a row and 128 columns.
template <class T> DEVICE void paged_join(const paged_attention_args &a) {
	paged_sequence s;
	const int row = blockIdx.x % a.narrow, head = blockIdx.y * 4 + threadIdx.x / WARP, column = blockIdx.z * 4 * WARP + threadIdx.x % WARP * 4;
	if (failed_before(a.failed) || !paged_enter(a, blockIdx.x / a.narrow, s) || s.rows > a.narrow || row >= s.rows || head >= a.heads || column >= a.dim) return;
	paged_softmax all = {NEVER, 0};
	float sum[4] = {0, 0, 0, 0}, before, now;
	const int last = (s.first + row) / a.split;
#pragma unroll 4
	for (int split = paged_lowest(a, s.first + row) / a.split; split <= last; split++) {
		const i64 part = paged_part(a, s, row, head, split);
		const paged_softmax one = *(const paged_softmax *)paged_stats(a, part);
		const vec16 v = load16(a.work + part * a.stride + column);
		if (!paged_fold(all, one, before, now)) continue;
#pragma unroll
		for (int i = 0; i < 4; i++) sum[i] = paged_add(sum[i], before, f32_bits(v.w[i]), now);
	}
	const float r = 1.0f / all.l;
	const i64 out = ((i64)(s.row + row) * a.heads + head) * a.dim + column;
	for (int i = 0; i < 4 && column + i < a.dim; i++) store_as((T *)a.out, out + i, mul_rn(sum[i], r));
}

#if PART(1)
KERNEL(paged_write_f32, paged_write_args, 128, 8) { paged_write<float>(a); }
KERNEL(paged_write_bf16, paged_write_args, 128, 8) { paged_write<bf16>(a); }
KERNEL(paged_rows_f32, paged_attention_args, 128, 4) { paged_rows<float>(a); }
KERNEL(paged_join_f32, paged_attention_args, 128, 8) { paged_join<float>(a); }
KERNEL(paged_join_bf16, paged_attention_args, 128, 8) { paged_join<bf16>(a); }
#endif

#if PART(2)
KERNEL(paged_rows_bf16, paged_attention_args, 128, 4) { paged_rows<bf16>(a); }
#endif

// D, keys of a tile, stages; paged.go has the same numbers for the shared memory.
#if PART(3)
KERNEL(paged_narrow64_bf16, paged_attention_args, 128, 4) { paged_narrow<paged_block<64, 64, 3, false>>(a); }
KERNEL(paged_narrow128_bf16, paged_attention_args, 128, 4) { paged_narrow<paged_block<128, 32, 3, false>>(a); }
KERNEL(paged_narrow256_bf16, paged_attention_args, 128, 2) { paged_narrow<paged_block<256, 32, 2, false>>(a); }
#endif

#if PART(4)
KERNEL(paged_wide64_bf16, paged_attention_args, 128, 3) { paged_wide<paged_block<64, 64, 2, true>>(a); }
KERNEL(paged_wide128_bf16, paged_attention_args, 128, 2) { paged_wide<paged_block<128, 32, 2, true>>(a); }
#endif

#if PART(5)
KERNEL(paged_wide256_bf16, paged_attention_args, 128, 1) { paged_wide<paged_block<256, 32, 2, true>>(a); }
#endif
