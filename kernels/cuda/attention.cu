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
#include "attention_online.cuh"

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
		float old[MB][2];
		to_probabilities(s, on, old, scale);
		rescale(sum, old);
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
