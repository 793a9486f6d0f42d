// The kernel of attention's backward that walks through the queries of a block of keys: dk and dv, and, where the order of sums is
// free (ATOMIC), dq in the same pass. attention_backward.cu and attention_backward_atomic.cu say what each is for.
//
// dq in f32 stands in Work in the order in which lanes hold it, so that an atomic instruction of a warp meets 128 neighbouring bytes:
// [H][N/16 + S blocks of 16 queries][D/8][4][32 lanes], a document that begins at row c as number s having the blocks from
// c/16 + s on, as find_document counts them.
#ifndef PRIMER_ATTENTION_KEYS
#define PRIMER_ATTENTION_KEYS
#include "attention.cuh"

// ds of a block in shared memory, [ROWS][QUERIES] bf16: ds_at is where chunk c (8 queries) of a key's row lies. Eight rows of a chunk,
// as ldmatrix reads them and as warps write them, lie in different banks.
template <int QUERIES> DEVICE int ds_at(int key, int c) { return key * QUERIES + ((c ^ (QUERIES == 64 ? key & 7 : key >> 1 & 3)) << 3); }

template <int QUERIES, int MB, int NB> DEVICE void put_weights(bf16 *ds, int row0, const weights<MB, NB> &w) {
	const int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int n = 0; n < NB; n++)
			UNROLL for (int h = 0; h < 2; h++) *(u32 *)(ds + ds_at<QUERIES>(row0 + 16 * m + 8 * h + g, n) + 2 * t) = w.w[m][n / 2][n % 2 * 2 + h];
}

// dq_block is where 16 queries of a head lie in dq, from chunk c on.
DEVICE float *dq_block(const attention_backward_args &b, int head, int block, int c) {
	const i64 blocks = b.f.rows / 16 + b.f.docs;
	return b.dq + ((head * blocks + block) * (b.f.dim / 8) + c) * 128;
}

// add_queries adds dsᵀ·k of a block's keys to dq, for QUERIES queries from `now` on and DA columns from chunk c0 on: a warp takes 16
// queries and a share of the columns. simple: no masked pair can meet a NaN or an infinity; else sums go key by key.
template <int D, int DA, int QUERIES, int ROWS, int WARPS>
DEVICE void add_queries(const attention_backward_args &b, const document &doc, int head, int now, const bf16 *ds, const bf16 *keys, int c0, const mask &k, bool simple) {
	constexpr int BLOCKS = QUERIES / 16, CHUNKS = DA / (WARPS / BLOCKS) / 8;
	const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, q = warp % BLOCKS * 16, c = c0 + warp / BLOCKS * CHUNKS;
	if (now + q >= doc.length || 8 * c >= b.f.dim) return;
	float sum[CHUNKS][4] = {};
	if (simple) {
		_Pragma("unroll 1") for (int i = 0; i < ROWS / 16; i++) {
			u32 m[4];
			ldmatrix_turned(m, ds + ds_at<QUERIES>(16 * i + lane % 16, q / 8 + lane / 16));
			const u32 rows[4] = {m[0], m[2], m[1], m[3]};
			UNROLL for (int n = 0; n < CHUNKS; n += 2) {
				u32 columns[4];
				ldmatrix_turned(columns, lane_place<D>(keys, 16 * i, c + n));
				mma(sum[n], rows, columns[0], columns[1]);
				mma(sum[n + 1], rows, columns[2], columns[3]);
			}
		}
	} else {
		_Pragma("unroll 1") for (int j = 0; j < ROWS; j++)
			UNROLL for (int h = 0; h < 2; h++) {
				const int query = q + 8 * h + lane / 4;
				if (!allowed(k, j, query)) continue;
				const float weight = f32_of(ds[ds_at<QUERIES>(j, query / 8) + query % 8]);
				UNROLL for (int n = 0; n < CHUNKS; n++) {
					const u32 pair = *(const u32 *)(place<D>(keys, j, c + n) + 2 * (lane % 4));
					sum[n][2 * h] += weight * f32_bits(pair << 16);
					sum[n][2 * h + 1] += weight * f32_bits(pair & 0xffff0000u);
				}
			}
	}
	float *to = dq_block(b, head, doc.start / 16 + doc.index + (now + q) / 16, c) + lane;
	UNROLL for (int n = 0; n < CHUNKS; n++)
		if (8 * (c + n) < b.f.dim)
			UNROLL for (int i = 0; i < 4; i++) atomic_add(to + 128 * n + 32 * i, sum[n][i]);
}

// Rows of a block: WARPS warps of 16·MB keys each, against tiles of 8·NB queries of every head of the group. Of a key's D columns
// of dk and dv a block sums DA. ATOMIC: dq too, by atomics, in which case no warp may leave before the others.
template <int D, int DA, int MB, int NB, int WARPS, bool DROP, bool ATOMIC> DEVICE void attention_backward_keys(const attention_backward_args &b) {
	constexpr int THREADS = 32 * WARPS, ROWS = 16 * MB * WARPS, QUERIES = 8 * NB, PARTS = D / DA, STAGE = 2 * QUERIES * D;
	constexpr int AHEAD = ATOMIC ? 1 : DROP ? 2 : 4; // with more some spill
	const attention_args &a = b.f;
	const int part = blockIdx.x % PARTS, g = blockIdx.x / PARTS % a.kv_heads, group = a.heads / a.kv_heads;
	const document doc = find_document<ROWS>(a, blockIdx.x / PARTS / a.kv_heads);
	if (doc.length == 0 || part * DA >= a.dim) return;
	bf16 *keys = (bf16 *)dynamic_shared(), *values = keys + ROWS * D, *stages = values + ROWS * D;
	float *lse = (float *)(stages + 2 * STAGE); // [2][2][QUERIES] log-sum-exp to base 2, and delta
	// Of ATOMIC only: head and first query of the tile under way, which registers need not hold then, and ds [ROWS][QUERIES].
	int *turn = (int *)(lse + 4 * QUERIES);
	bf16 *shared_ds = (bf16 *)(turn + 4);
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * a.dim, out_stride = (i64)a.heads * a.dim;
	const bf16 *rows = (const bf16 *)a.qkv + doc.start * stride;
	const i64 k = (i64)(a.heads + g) * a.dim, v = k + (i64)a.kv_heads * a.dim;
	const bf16 *dout = (const bf16 *)b.dout + doc.start * out_stride;
	const i64 last = (i64)doc.first + ROWS - 1 + a.window; // the first query that sees no key of the block
	const int end = last < doc.length ? (int)last : doc.length;

	// begin starts the copy of a tile of queries; their statistics go through a register of their threads.
	const auto begin = [&](int stage, int head, int q0) {
		bf16 *to = stages + stage * STAGE;
		load_tile<QUERIES, D, THREADS>(to, rows + (i64)head * a.dim, stride, q0, doc.length, a.dim);
		load_tile<QUERIES, D, THREADS>(to + QUERIES * D, dout + (i64)head * a.dim, out_stride, q0, doc.length, a.dim);
		cp_commit();
	};
	const auto statistic = [&](int head, int q0) {
		const int query = q0 + threadIdx.x % QUERIES;
		const i64 at = head * a.rows + doc.start + query;
		if (threadIdx.x < QUERIES) return query < doc.length ? a.lse[at] * LOG2_E : PLUS_INFINITY; // past the end: p = 0
		return threadIdx.x < 2 * QUERIES && query < doc.length ? b.delta[at] : 0.0f;
	};
	load_tile<ROWS, D, THREADS>(keys, rows + k, stride, doc.first, doc.length, a.dim);
	load_tile<ROWS, D, THREADS>(values, rows + v, stride, doc.first, doc.length, a.dim);
	int head = g * group, q0 = doc.first;
	begin(0, head, q0);
	float next = statistic(head, q0);

	const int lane = threadIdx.x % WARP, t = lane % 4, row0 = threadIdx.x / WARP * 16 * MB;
	const float scale = a.scale * LOG2_E;
	float dk[MB][DA / 8][4] = {}, dv[MB][DA / 8][4] = {};
	for (int stage = 0; head < (g + 1) * group; stage ^= 1) {
		float *stats = lse + stage * 2 * QUERIES;
		if (threadIdx.x < 2 * QUERIES) stats[threadIdx.x] = next;
		cp_wait<0>();
		__syncthreads(); // this stage is there, and the other one is read
		const int now_head = head, now = q0;
		if (ATOMIC && threadIdx.x == 0) turn[0] = now_head, turn[1] = now;
		q0 += QUERIES;
		if (q0 >= end) q0 = doc.first, head++;
		if (head < (g + 1) * group) {
			begin(stage ^ 1, head, q0);
			next = statistic(head, q0);
		}
		const bf16 *queries = stages + stage * STAGE, *gradients = queries + QUERIES * D;
		const mask may = {doc.first + row0 - now, 0, a.window - 1};
		if (!ATOMIC && !allows_any(may, 16 * MB, QUERIES)) continue;
		const bool whole = allows_all(may, 16 * MB, QUERIES);
		float p[MB][NB][4];
		scores<D, MB, NB, AHEAD>(p, keys, row0, queries);
		UNROLL for (int m = 0; m < MB; m++)
			UNROLL for (int n = 0; n < NB; n++)
				UNROLL for (int e = 0; e < 4; e++) p[m][n][e] = exp2_fast(fma_rn(p[m][n][e], scale, -stats[8 * n + 2 * t + e % 2]));
		if (!whole) fill_masked(p, may, 0);
		if (DROP) {
			kept_bits<MB> bits;
			kept_by_key<MB, NB>(bits, open_dropout(a, now_head, doc.index), now, doc.first + row0);
			mark_dropped(p, bits);
		}
		weights<MB, NB> w;
		pack_weights<DROP>(w, p);
		add_weighted<D, DA, MB, NB>(dv, w, gradients, part * DA / 8, may, whole);
		float ds[MB][NB][4];
		scores<D, MB, NB, AHEAD>(ds, values, row0, gradients);
		UNROLL for (int m = 0; m < MB; m++)
			UNROLL for (int n = 0; n < NB; n++)
				UNROLL for (int e = 0; e < 4; e++) {
					float dp = ds[m][n][e];
					if (DROP) dp = is_dropped(p[m][n][e]) ? 0 : dp * a.keep;
					ds[m][n][e] = f32_bits(bits_f32(p[m][n][e]) & 0x7fffffffu) * (dp - stats[QUERIES + 8 * n + 2 * t + e % 2]);
				}
		if (!whole) fill_masked(ds, may, 0);
		pack_weights<false>(w, ds);
		
		if (ATOMIC) put_weights<QUERIES>(shared_ds, row0, w);
		add_weighted<D, DA, MB, NB>(dk, w, queries, part * DA / 8, may, whole);
		if (ATOMIC) {
			__syncthreads(); // ds of all keys is there; the next turn's first barrier says that it is read
			const mask all = {doc.first - turn[1], 0, a.window - 1};
			add_queries<D, DA, QUERIES, ROWS, WARPS>(b, doc, turn[0], turn[1], shared_ds, keys, part * DA / 8, all, allows_all(all, ROWS, QUERIES) || all_finite<ROWS, D>(keys));
		}
	}
	bf16 *to = (bf16 *)b.dqkv + doc.start * stride + part * DA;
	float of_k[MB][2], of_v[MB][2];
	UNROLL for (int i = 0; i < 2 * MB; i++) of_k[i / 2][i % 2] = a.scale, of_v[i / 2][i % 2] = a.keep;
	store_rows<DA>(to + k, stride, doc.first + row0, doc.length, a.dim - part * DA, dk, of_k);
	store_rows<DA>(to + v, stride, doc.first + row0, doc.length, a.dim - part * DA, dv, of_v);
}

#endif
