// The course of a block of paged_tile.cuh: its tiles one after another, and what becomes of a finished split.
#ifndef PRIMER_PAGED_BLOCKS
#define PRIMER_PAGED_BLOCKS
#include "paged_products.cuh"

// paged_total adds up the parts of the sum of weights that the four lanes of a row hold.
template <class B> DEVICE void paged_total(B &b) {
	for (int i = 0; i < 2; i++)
		for (int lanes = 1; lanes < 4; lanes *= 2) b.x[i].l = add_rn(b.x[i].l, shuffle_xor(b.x[i].l, lanes));
}

// paged_merge adds a finished split to those before, in shared memory: 32 lanes side by side.
template <class B> DEVICE void paged_merge(B &b) {
	float before[2], now[2], *sums = b.extra + b.warp * B::D / 2 * WARP + b.lane;
	bool seen[2];
	paged_total(b);
	for (int i = 0; i < 2; i++) seen[i] = paged_fold(b.merged[i], b.x[i], before[i], now[i]);
#pragma unroll
	for (int n = 0; n < B::COLS / 8; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) {
			float &sum = sums[(n * 4 + i) * WARP];
			if (seen[i / 2]) sum = paged_add(sum, before[i / 2], b.acc[n][i], now[i / 2]);
		}
	}
	paged_clear(b);
}

// paged_leave keeps a narrow block's split in Work.
template <class B> DEVICE void paged_leave(const paged_attention_args &a, B &b, int split) {
	paged_total(b);
	for (int i = 0; i < 2; i++) {
		if (b.position[i] < 0) continue;
		const int x = b.base + b.row[i];
		const i64 part = paged_part(a, b.s, x / b.heads, b.group * b.heads + x % b.heads, split);
		if (threadIdx.x < WARP && b.lane % 4 == 0) *(paged_softmax *)paged_stats(a, part) = b.x[i];
		float *sum = a.work + part * a.stride;
#pragma unroll
		for (int n = 0; n < B::COLS / 8; n++) {
			const int d = b.warp * B::COLS + n * 8 + b.lane % 4 * 2;
			if (d < a.dim) *(float_pair *)(sum + d) = {b.acc[n][i * 2], b.acc[n][i * 2 + 1]};
		}
	}
}

// paged_store writes the merged rows of a wide block.
template <class B> DEVICE void paged_store(const paged_attention_args &a, B &b) {
	const float *sums = b.extra + b.warp * B::D / 2 * WARP + b.lane;
	for (int i = 0; i < 2; i++) {
		if (b.position[i] < 0) continue;
		const int x = b.base + b.row[i];
		const i64 head = (i64)(b.s.row + x / b.heads) * a.heads + b.group * b.heads + x % b.heads;
		const float r = 1.0f / b.merged[i].l;
		for (int n = 0; n < B::D / 8 && n * 8 < a.dim; n++) {
			const float low = mul_rn(sums[(n * 4 + i * 2) * WARP], r), high = mul_rn(sums[(n * 4 + i * 2 + 1) * WARP], r);
			bf16 *out = (bf16 *)a.out + head * a.dim + n * 8 + b.lane % 4 * 2;
			if (a.out_words)
				*(u32 *)out = pack_bf16(low, high);
			else
				out[0] = bf16_of(low), out[1] = bf16_of(high);
		}
	}
}

// paged_run takes the tiles of [lowest, end), the next ones being fetched meanwhile.
template <class B> DEVICE void paged_run(const paged_attention_args &a, B &b) {
	const int start = b.lowest / a.split * a.split;
	paged_cursor now = {start, start + (b.lowest - start) / B::KEYS * B::KEYS}, next = now;
	const auto advance = [&](paged_cursor &c) {
		c.j += B::KEYS;
		if (c.j - c.from >= a.split) c.from += a.split, c.j = c.from;
	};
	paged_fetch_queries(a, b);
	u32 rows = paged_rows_of(a, b, next);
	for (int stage = 0; stage < B::STAGES - 1; stage++) {
		if (next.j < b.end) paged_fetch(a, b, rows, stage);
		cp_commit();
		advance(next);
		rows = paged_rows_of(a, b, next);
	}
	for (int stage = 0; now.j < b.end; stage = (stage + 1) % B::STAGES) {
		cp_wait<B::STAGES - 2>();
		__syncthreads(); // the tile is there, and the one before is done with
		if (next.j < b.end) paged_fetch(a, b, rows, (stage + B::STAGES - 1) % B::STAGES);
		cp_commit();
		advance(next);
		rows = paged_rows_of(a, b, next);
		paged_compute(a, b, now, stage);
		const int from = now.from;
		advance(now);
		if constexpr (B::WIDE) {
			if (now.from != from || now.j >= b.end) paged_merge(b);
		}
	}
}

// paged_start clears the sums; false after a failure: one thread looks, for another block may fail at any time.
template <class B> DEVICE bool paged_start(const paged_attention_args &a, B &b) {
	__shared__ int bad, failed;
	if (threadIdx.x == 0) bad = 0, failed = a.failed->code;
	b.bad = &bad;
	paged_clear(b);
	__syncthreads();
	return failed == 0;
}

template <class B> DEVICE void paged_narrow(const paged_attention_args &a) {
	B b;
	const int id = blockIdx.x / a.splits, split = blockIdx.x % a.splits, tile = blockIdx.y / a.kv_heads;
	if (!paged_enter(a, id, b.s) || b.s.rows > a.narrow || !paged_open(a, b, blockIdx.y % a.kv_heads, tile * B::ROWS)) return;
	const i64 from = (i64)split * a.split;
	if (from >= b.end || from + a.split <= b.lowest) return;
	b.lowest = greater(b.lowest, (int)from);
	b.end = from + a.split < b.end ? (int)(from + a.split) : b.end;
	if (!paged_start(a, b)) return;
	paged_run(a, b);
	paged_leave(a, b, split);
}

template <class B> DEVICE void paged_wide(const paged_attention_args &a) {
	B b;
	u32 tile = gridDim.x - 1 - blockIdx.x; // the last tiles of a sequence see most keys: they start first
	const int id = paged_find(a, a.heads / a.kv_heads, B::ROWS, tile);
	if (id < 0 || !paged_enter(a, id, b.s) || !paged_open(a, b, blockIdx.y, (int)tile * B::ROWS)) return;
	if (!paged_start(a, b)) return;
	for (int i = 0; i < B::D / 2; i++) b.extra[(b.warp * B::D / 2 + i) * WARP + b.lane] = 0;
	paged_run(a, b);
	paged_store(a, b);
}

#endif
