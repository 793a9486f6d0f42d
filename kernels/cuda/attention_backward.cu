// The gradients of causal attention over packed documents. Shapes and maths: kernels/attention.go.
//
// Method, deterministic: three kernels, no atomics.
//
//	delta    d[h,i] = Σ dout·out, into Work
//	keys     a block is 128 (D ≤ 128) or 64 keys of one key head. It walks through the group's query heads and, of each, the tiles of
//	         queries that see its keys, in ascending order. Scores come out as [key][query]: p and ds are then the left operands of
//	         dv += p·dout and dk += ds·q as they stand in registers, and nothing goes through shared memory between two products.
//	queries  a block is 128 (64) queries of one head, walking through the tiles of keys: dq += ds·k.
//
// That is seven products for the forward's two, where one kernel with atomics for dq takes five (attention_backward_atomic.cu). Probabilities come back from the
// scores and the saved log-sum-exp. Masked pairs are skipped by tile, and set to 0 in tiles at an edge of the mask; where such a tile
// holds a NaN or an infinity, products go column by column (add_allowed).
//
// Main shape, D 128, T 2048, 16 heads, 8192 rows: 1.7e11 flop of products as the contract counts them (5 per pair, causal half), 0.17 ms
// at 989 TFLOP/s; memory (q,k,v, dout, out, dqkv once: 0.27 GB) takes 0.06 ms, so the tensor cores bound it. Executed are 7/5 of that,
// and on sm_90 mma.sync does not reach that peak, which is wgmma's. Not yet measured.
//
//	kernel (sm_80, sm_90a registers)   block          shared   without  dropout
//	keys     D ≤ 64                    128 keys       48.5 KB  255 255  255 247
//	         D ≤ 128                   128 keys, 8 w  129 KB   255 255  255 246
//	         D ≤ 256                    64 keys       128.5 KB 255 252  255 254   two blocks, 128 columns each
//	queries  D ≤ 64                    128 queries    48 KB    212 210  205 218
//	         D ≤ 128                   128 queries    96 KB    253 254  255 255
//	         D ≤ 256                    64 queries    128 KB   252 254  254 254
//	delta                              32 rows·heads  0        36       -
//
// No spills. What keeps it so: one ldmatrix address for all products (lane_place), 64 columns of a score (32 with dropout) in flight,
// the mark of a dropped probability in its sign, a walking pointer in load_tile. Tried and dropped, by registers and spills only: all
// columns of a score in flight, the dropout of a pair in a mask of bits until dp is there.
#include "attention_keys.cuh"

// delta is Σ dout·out of every row and head: eight lanes each, 8 elements a step.
template <class T> DEVICE void attention_delta(const attention_backward_args &a) {
	const i64 at = (i64)blockIdx.x * (256 / 8) + threadIdx.x / 8, dim = a.f.dim;
	if (at - threadIdx.x % WARP / 8 >= a.f.rows * a.f.heads) return; // a warp as a whole
	if (shuffle((u32)a.f.failures->code, 0) != 0) return;
	const bool real = at < a.f.rows * a.f.heads;
	const T *x = (const T *)a.dout + (real ? at : 0) * dim, *y = (const T *)a.f.out + (real ? at : 0) * dim;
	float sum = 0;
	for (i64 c = threadIdx.x % 8 * 8; c < dim; c += 64)
		for (i64 i = c; i < dim && i < c + 8; i++) sum += f32_of(x[i]) * f32_of(y[i]);
	for (int lanes = 1; lanes < 8; lanes *= 2) sum += shuffle_xor(sum, lanes);
	if (real && threadIdx.x % 8 == 0) a.delta[at % a.f.heads * a.f.rows + at / a.f.heads] = sum;
}

// Rows of a block: 4 warps of 16·MB queries each, against tiles of 8·NB keys.
template <int D, int MB, int NB, bool DROP> DEVICE void attention_backward_queries(const attention_backward_args &b) {
	constexpr int THREADS = 128, ROWS = 64 * MB, KEYS = 8 * NB, STAGE = 2 * KEYS * D;
	const attention_args &a = b.f;
	const int head = blockIdx.x % a.heads;
	const document doc = find_document<ROWS>(a, a.tiles - 1 - blockIdx.x / a.heads);
	if (doc.length == 0) return;
	bf16 *queries = (bf16 *)dynamic_shared(), *gradients = queries + ROWS * D, *stages = gradients + ROWS * D;
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * a.dim, out_stride = (i64)a.heads * a.dim, column = (i64)head * a.dim;
	const bf16 *rows = (const bf16 *)a.qkv + doc.start * stride;
	const bf16 *k = rows + (i64)(a.heads + head / (a.heads / a.kv_heads)) * a.dim, *v = k + (i64)a.kv_heads * a.dim;
	const int end = doc.length < doc.first + ROWS ? doc.length : doc.first + ROWS;
	int j0 = doc.first - a.window + 1;
	j0 = j0 < 0 ? 0 : j0 / KEYS * KEYS;
	const auto begin = [&](int stage, int j) {
		load_tile<KEYS, D, THREADS>(stages + stage * STAGE, k, stride, j, doc.length, a.dim);
		load_tile<KEYS, D, THREADS>(stages + stage * STAGE + KEYS * D, v, stride, j, doc.length, a.dim);
		cp_commit();
	};
	load_tile<ROWS, D, THREADS>(queries, rows + column, stride, doc.first, doc.length, a.dim);
	load_tile<ROWS, D, THREADS>(gradients, (const bf16 *)b.dout + doc.start * out_stride + column, out_stride, doc.first, doc.length, a.dim);
	begin(0, j0);

	const int row0 = threadIdx.x / WARP * 16 * MB, q0 = doc.first + row0;
	const float scale = a.scale * LOG2_E;
	float lse[MB][2], delta[MB][2], dq[MB][D / 8][4] = {};
	UNROLL for (int i = 0; i < 2 * MB; i++) {
		const int row = q0 + 8 * i + threadIdx.x % WARP / 4;
		const i64 at = head * a.rows + doc.start + row;
		lse[i / 2][i % 2] = row < doc.length ? a.lse[at] * LOG2_E : PLUS_INFINITY;
		delta[i / 2][i % 2] = row < doc.length ? b.delta[at] : 0;
	}
	for (int stage = 0; j0 < end; j0 += KEYS, stage ^= 1) {
		cp_wait<0>();
		__syncthreads(); // this stage is there, and the other one is read
		if (j0 + KEYS < end) begin(stage ^ 1, j0 + KEYS);
		const bf16 *keys = stages + stage * STAGE, *values = keys + KEYS * D;
		const mask may = {q0 - j0, a.window - 1, 0};
		if (!allows_any(may, 16 * MB, KEYS)) continue;
		const bool whole = allows_all(may, 16 * MB, KEYS);
		float p[MB][NB][4], ds[MB][NB][4];
		scores<D, MB, NB>(ds, gradients, row0, values);
		if (DROP) {
			kept_bits<MB> bits;
			kept_by_query<MB, NB>(bits, open_dropout(a, head, doc.index), q0, j0);
			UNROLL for (int m = 0; m < MB; m++)
				UNROLL for (int n = 0; n < NB; n++)
					UNROLL for (int i = 0; i < 4; i++) ds[m][n][i] = kept(bits, m, n, i) ? ds[m][n][i] * a.keep : 0;
		}
		scores<D, MB, NB>(p, queries, row0, keys);
		UNROLL for (int m = 0; m < MB; m++)
			UNROLL for (int n = 0; n < NB; n++)
				UNROLL for (int i = 0; i < 4; i++)
					ds[m][n][i] = exp2_fast(fma_rn(p[m][n][i], scale, -lse[m][i / 2])) * (ds[m][n][i] - delta[m][i / 2]);
		if (!whole) fill_masked(ds, may, 0);
		weights<MB, NB> w;
		pack_weights<false>(w, ds);
		add_weighted<D, D, MB, NB>(dq, w, keys, 0, may, whole);
	}
	float f[MB][2];
	UNROLL for (int i = 0; i < 2 * MB; i++) f[i / 2][i % 2] = a.scale;
	store_rows<D>((bf16 *)b.dqkv + doc.start * stride + column, stride, q0, doc.length, a.dim, dq, f);
}

#if PART(1)
KERNEL(attention_backward_delta_bf16, attention_backward_args, 256, 4) { attention_delta<bf16>(a); }
KERNEL(attention_backward_delta_f32, attention_backward_args, 256, 4) { attention_delta<float>(a); }
KERNEL(attention_backward_keys_d64_bf16, attention_backward_args, 128, 2) { attention_backward_keys<64, 64, 2, 4, 4, false, false>(a); }
KERNEL(attention_backward_keys_d64_dropout_bf16, attention_backward_args, 128, 2) { attention_backward_keys<64, 64, 2, 4, 4, true, false>(a); }
#endif

#if PART(2)
KERNEL(attention_backward_keys_d128_bf16, attention_backward_args, 256, 1) { attention_backward_keys<128, 128, 1, 8, 8, false, false>(a); }
KERNEL(attention_backward_keys_d128_dropout_bf16, attention_backward_args, 256, 1) { attention_backward_keys<128, 128, 1, 8, 8, true, false>(a); }
#endif

#if PART(3)
KERNEL(attention_backward_keys_d256_bf16, attention_backward_args, 128, 1) { attention_backward_keys<256, 128, 1, 4, 4, false, false>(a); }
KERNEL(attention_backward_keys_d256_dropout_bf16, attention_backward_args, 128, 1) { attention_backward_keys<256, 128, 1, 4, 4, true, false>(a); }
#endif

#if PART(4)
KERNEL(attention_backward_queries_d64_bf16, attention_backward_args, 128, 2) { attention_backward_queries<64, 2, 4, false>(a); }
KERNEL(attention_backward_queries_d64_dropout_bf16, attention_backward_args, 128, 2) { attention_backward_queries<64, 2, 4, true>(a); }
#endif

#if PART(5)
KERNEL(attention_backward_queries_d128_bf16, attention_backward_args, 128, 2) { attention_backward_queries<128, 2, 4, false>(a); }
KERNEL(attention_backward_queries_d128_dropout_bf16, attention_backward_args, 128, 2) { attention_backward_queries<128, 2, 4, true>(a); }
#endif

#if PART(6)
KERNEL(attention_backward_queries_d256_bf16, attention_backward_args, 128, 1) { attention_backward_queries<256, 1, 4, false>(a); }
KERNEL(attention_backward_queries_d256_dropout_bf16, attention_backward_args, 128, 1) { attention_backward_queries<256, 1, 4, true>(a); }
#endif
