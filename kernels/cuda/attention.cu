// Causal attention over packed documents (flash attention: Dao 2023; online softmax: Milakov and Gimelshein 2018). Shapes and maths:
// kernels/attention.go.
//
// Method: a block is a tile of queries of one head, 16·MB a warp; it walks through the tiles of keys that its queries may see, the next
// tile of keys and values being copied while this one is used. Scores and probabilities stay in registers: what mma leaves of q·kᵀ is
// what it takes as the left operand of p·v. Maxima and sums in float32, exponentials to base 2, probabilities rounded to bf16 for p·v
// only. Blocks of late tiles, the longest, come first; heads of a group beside each other, for they read the same keys.
// Rows are tiled by document (find_document), so a document's result has the same bits in every batch. Tiles that the mask leaves
// nothing of are skipped, by warp; what it cuts through gets −∞; if such a tile has a NaN or an infinity among its values, p·v goes
// column by column (add_allowed). A negative Scale turns the queries' signs, so that maxima are of the products as they are.
//
// Main shape, D 128, T 2048, 16 heads, 8192 rows: 6.9e10 flop (causal half), 0.07 ms at 989 TFLOP/s; q,k,v and out are 0.13 GB, 0.03 ms
// at 4.8 TB/s: the tensor cores bound it. on sm_90 mma.sync does not reach that peak, which is wgmma's. Not yet measured.
//
//	(sm_80, sm_90a registers)  block        keys  shared  without  dropout
//	D ≤ 64                     128 queries  64    48 KB   190 188  211 208
//	D ≤ 128                    128 queries  32    64 KB   232 223  237 227
//	D ≤ 256                     64 queries  32    96 KB   232 248  247 250
//
// No spills. Smaller head dimensions than a kernel's are filled with zeros. Tried and dropped, by registers and spills only: 64 keys
// for D 128 (spills), addresses of every chunk held through the loop (spills).
#include "attention.cuh"

// online is the softmax so far of a lane's rows 16m + 8h + g: the greatest score before scaling, and the lane's part of the sum.
template <int MB> struct online {
	float top[MB][2], sum[MB][2];
};

// turn_signs negates a tile that is being copied.
template <int ELEMENTS, int THREADS> DEVICE void turn_signs(bf16 *tile) {
	cp_wait<0>();
	__syncthreads();
	for (int i = threadIdx.x; i < ELEMENTS / 2; i += THREADS) ((u32 *)tile)[i] ^= 0x80008000u;
}

// to_probabilities turns products into exp2(scale·s − new maximum), and rescales what was summed relative to the old one.
template <int D, int MB, int NB> DEVICE void to_probabilities(float (&s)[MB][NB][4], float (&out)[MB][D / 8][4], online<MB> &on, float scale) {
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int h = 0; h < 2; h++) {
			float top = on.top[m][h];
			UNROLL for (int n = 0; n < NB; n++) top = fmaxf(top, fmaxf(s[m][n][2 * h], s[m][n][2 * h + 1])); // a NaN is no maximum
			top = fmaxf(top, shuffle_xor(top, 1));
			top = fmaxf(top, shuffle_xor(top, 2));
			const float base = top == MINUS_INFINITY ? 0 : top * scale; // no key yet
			const float old = exp2_fast(fma_rn(on.top[m][h], scale, -base));
			float sum = on.sum[m][h] * old;
			UNROLL for (int n = 0; n < NB; n++)
				UNROLL for (int e = 2 * h; e < 2 * h + 2; e++) {
					s[m][n][e] = exp2_fast(fma_rn(s[m][n][e], scale, -base));
					sum += s[m][n][e];
				}
			UNROLL for (int n = 0; n < D / 8; n++) out[m][n][2 * h] *= old, out[m][n][2 * h + 1] *= old;
			on.top[m][h] = top, on.sum[m][h] = sum;
		}
}

// finish divides by the sums and stores.
template <int D, int MB> DEVICE void finish(const attention_args &a, const document &doc, int head, int q0, float scale, const float (&sum)[MB][D / 8][4], online<MB> &on) {
	const int lane = threadIdx.x % WARP;
	float f[MB][2];
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int h = 0; h < 2; h++) {
			float total = on.sum[m][h];
			total += shuffle_xor(total, 1);
			total += shuffle_xor(total, 2);
			f[m][h] = a.keep / total;
			const int row = q0 + 16 * m + 8 * h + lane / 4;
			if (lane % 4 == 0 && row < doc.length) a.lse[head * a.rows + doc.start + row] = on.top[m][h] * scale * LN_2 + logf(total);
		}
	const i64 stride = (i64)a.heads * a.dim;
	store_rows<D>((bf16 *)a.out + doc.start * stride + (i64)head * a.dim, stride, q0, doc.length, a.dim, sum, f);
}

// Rows of a block: 4 warps of 16·MB queries each, against tiles of 8·NB keys.
template <int D, int MB, int NB, bool DROP> DEVICE void attention(const attention_args &a) {
	constexpr int THREADS = 128, ROWS = 64 * MB, KEYS = 8 * NB;
	const int head = blockIdx.x % a.heads, tile = a.tiles - 1 - blockIdx.x / a.heads; // the longest first
	const document doc = find_document<ROWS>(a, tile);
	if (doc.length == 0) return;
	bf16 *queries = (bf16 *)dynamic_shared(), *stages = queries + ROWS * D;
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * a.dim;
	const bf16 *rows = (const bf16 *)a.qkv + doc.start * stride;
	const bf16 *k = rows + (i64)(a.heads + head / (a.heads / a.kv_heads)) * a.dim, *v = k + (i64)a.kv_heads * a.dim;
	const int end = doc.length < doc.first + ROWS ? doc.length : doc.first + ROWS;
	int j0 = doc.first - a.window + 1;
	j0 = j0 < 0 ? 0 : j0 / KEYS * KEYS;

	load_tile<ROWS, D, THREADS>(queries, rows + (i64)head * a.dim, stride, doc.first, doc.length, a.dim);
	load_tile<KEYS, D, THREADS>(stages, k, stride, j0, doc.length, a.dim);
	load_tile<KEYS, D, THREADS>(stages + KEYS * D, v, stride, j0, doc.length, a.dim);
	cp_commit();
	if (a.scale < 0) turn_signs<ROWS * D, THREADS>(queries); // so that the greatest product is the greatest score

	const int row0 = threadIdx.x / WARP * 16 * MB, q0 = doc.first + row0;
	const float scale = (a.scale < 0 ? -a.scale : a.scale) * LOG2_E;
	const dropout drop = DROP ? open_dropout(a, head, doc.index) : dropout{};
	float sum[MB][D / 8][4] = {};
	online<MB> on;
	UNROLL for (int i = 0; i < 2 * MB; i++) on.top[i / 2][i % 2] = MINUS_INFINITY, on.sum[i / 2][i % 2] = 0;
	for (int stage = 0; j0 < end; j0 += KEYS, stage ^= 1) {
		const bf16 *keys = stages + stage * 2 * KEYS * D, *values = keys + KEYS * D;
		cp_wait<0>();
		__syncthreads(); // this stage is there, and the other one is read
		if (j0 + KEYS < end) {
			bf16 *next = stages + (stage ^ 1) * 2 * KEYS * D;
			load_tile<KEYS, D, THREADS>(next, k, stride, j0 + KEYS, doc.length, a.dim);
			load_tile<KEYS, D, THREADS>(next + KEYS * D, v, stride, j0 + KEYS, doc.length, a.dim);
			cp_commit();
		}
		const mask may = {q0 - j0, a.window - 1, 0};
		if (!allows_any(may, 16 * MB, KEYS)) continue;
		const bool whole = allows_all(may, 16 * MB, KEYS);
		float s[MB][NB][4];
		scores<D, MB, NB>(s, queries, row0, keys);
		if (!whole) fill_masked(s, may, MINUS_INFINITY);
		to_probabilities<D>(s, sum, on, scale);
		if (DROP) {
			kept_bits<MB> bits;
			kept_by_query<MB, NB>(bits, drop, q0, j0);
			mark_dropped(s, bits);
		}
		weights<MB, NB> p;
		pack_weights<DROP>(p, s);
		add_weighted<D, D, MB, NB>(sum, p, values, 0, may, whole);
	}
	finish<D>(a, doc, head, q0, scale, sum, on);
}

#if PART(1)
KERNEL(attention_d64_bf16, attention_args, 128, 2) { attention<64, 2, 8, false>(a); }
KERNEL(attention_d64_dropout_bf16, attention_args, 128, 2) { attention<64, 2, 8, true>(a); }
#endif

#if PART(2)
KERNEL(attention_d128_bf16, attention_args, 128, 2) { attention<128, 2, 4, false>(a); }
KERNEL(attention_d128_dropout_bf16, attention_args, 128, 2) { attention<128, 2, 4, true>(a); }
#endif

#if PART(3)
KERNEL(attention_d256_bf16, attention_args, 128, 1) { attention<256, 1, 4, false>(a); }
KERNEL(attention_d256_dropout_bf16, attention_args, 128, 1) { attention<256, 1, 4, true>(a); }
#endif
