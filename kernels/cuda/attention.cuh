// What the kernels of attention share: their arguments, how a block finds its rows, tiles in shared memory, the two kinds of
// products on them, the mask, and dropout.
//
// A tile is ROWS × D bf16 in shared memory, a row D/8 chunks of 16 bytes, chunk c of row r at place c ^ r%8: the eight rows that
// an ldmatrix reads at once then lie in different banks. Rows past the document and columns past head_dim are zeros. Tiles never
// span documents, so that what a document gets does not depend on its neighbours.
//
// Scores s [MB][NB][4] of a warp are 16·MB rows by 8·NB columns, in fragments as mma lays them out: with g = lane/4 and
// t = lane%4, s[m][n][2h+e] is row 16m + 8h + g, column 8n + 2t + e.
#ifndef PRIMER_ATTENTION
#define PRIMER_ATTENTION
#include "prims.cuh"

#define UNROLL _Pragma("unroll")
#define FAIL_DOCUMENTS 8
#define LOG2_E 1.44269504088896340736f
#define LN_2 0.69314718055994530942f
#define MINUS_INFINITY f32_bits(0xff800000u)
#define PLUS_INFINITY f32_bits(0x7f800000u)

struct attention_args {
	void *out;         // [N,H,D]
	float *lse;        // [H,N]
	const void *qkv;   // [N,R,D]
	const int *culens; // [S+1]
	const i64 *step;   // seed, step, first sample; absent without dropout
	failure *failures;
	i64 rows;                         // N
	int docs, heads, kv_heads, dim;   // S, H, K, D
	int window;                       // more than any document is long: none
	int tiles;                        // blocks a head
	float scale, keep;                // keep: 1/(1−p)
	u32 threshold, purpose, layer, pad; // threshold 0: no dropout
};
struct attention_backward_args {
	attention_args f;
	void *dqkv;       // [N,R,D]
	const void *dout; // [N,H,D]
	float *delta;     // [H,N] Σ dout·out
	float *dq;        // sums of dq as attention_keys.cuh has them; absent in the deterministic kernels
};

// document is a run of rows, with the row at which a block's tile begins; length is 0 where there is nothing to do.
struct document {
	int index, start, length, first;
};

// find_document says which rows of which document are tile `tile`. A document that begins at row c of the batch as number s takes
// the tiles from c/SIZE + s on: at least as many as it needs, since ⌈n/SIZE⌉ ≤ ⌊(c+n)/SIZE⌋ − ⌊c/SIZE⌋ + 1, so no prefix sums
// over the documents are needed and the grid has N/SIZE + S tiles.
template <int SIZE> DEVICE document find_document(const attention_args &a, int tile) {
	__shared__ int failed; // read once: a block may not part when another one fails now
	if (threadIdx.x == 0) failed = a.failures->code;
	__syncthreads();
	if (failed) return {0, 0, 0, 0}; // after a failure nothing runs until Sync
	int low = 0, high = a.docs - 1;
	while (low < high) {
		const int middle = (low + high + 1) / 2;
		if (a.culens[middle] / SIZE + middle <= tile) low = middle;
		else high = middle - 1;
	}
	const int start = a.culens[low], end = a.culens[low + 1];
	const int first = (tile - start / SIZE - low) * SIZE;
	if (start < 0 || end < start || end > a.rows || first < 0) {
		if (threadIdx.x == 0) fail(a.failures, FAIL_DOCUMENTS, low, end);
		return {low, 0, 0, 0};
	}
	return {low, start, first < end - start ? end - start : 0, first};
}

// place is where chunk c of a row lies.
template <int D> DEVICE bf16 *place(bf16 *tile, int row, int c) { return tile + row * D + ((c ^ (row & 7)) << 3); }
template <int D> DEVICE const bf16 *place(const bf16 *tile, int row, int c) { return tile + row * D + ((c ^ (row & 7)) << 3); }
// row_places and, for tiles of another layout, column_places (warpgroup.cuh) say it to templates.
template <int D> struct row_places {
	DEVICE bf16 *at(bf16 *tile, int row, int c) { return place<D>(tile, row, c); }
};
// lane_place is what a lane gives an ldmatrix for the 16 × 16 elements from row `row` and chunk c on, multiples of 16 and of 2: row
// lane%16, chunk lane/16. One address for all products, with four different offsets at most, keeps registers free.
template <int D> DEVICE const bf16 *lane_place(const bf16 *tile, int row, int c) {
	const int lane = threadIdx.x % WARP;
	return tile + row * D + (c & ~7) * 8 + lane % 16 * D + (((c & 7) ^ lane / 16 ^ lane % 8) << 3);
}

// load_tile starts the copy of rows [first, first+ROWS) of `from`, whose rows are stride elements apart and of which there are
// `length`, each of dim elements (a multiple of 8).
template <int ROWS, int D, int THREADS, class PLACES = row_places<D>>
DEVICE void load_tile(bf16 *tile, const bf16 *from, i64 stride, int first, int length, int dim) {
	constexpr int STEP = THREADS / (D / 8);
	const int row = threadIdx.x / (D / 8), c = threadIdx.x % (D / 8), rows = c * 8 < dim ? length - first : 0;
	const bf16 *p = from + (first + row) * stride + c * 8;
	UNROLL for (int i = 0; i < ROWS; i += STEP, p += STEP * stride) {
		const bool valid = row + i < rows;
		cp_async16(PLACES::at(tile, row + i, c), valid ? p : from, valid);
	}
}

// all_finite looks at a whole tile; the same in all lanes of all warps.
template <int ROWS, int D> DEVICE bool all_finite(const bf16 *tile) {
	u32 found = 0;
	for (int i = threadIdx.x % WARP; i < ROWS * D / 8; i += WARP) {
		const vec16 v = load16(tile + i * 8);
		UNROLL for (int w = 0; w < 4; w++) found |= (v.w[w] & 0x7f807f80u) + 0x00800080u; // an exponent of ones carries into the sign
	}
	return ballot((found & 0x80008000u) != 0) == 0;
}

// scores is s = x·yᵀ for the warp's rows of x, from row0 on, and all rows of y; AHEAD steps of 16 columns are scheduled together,
// since loads further ahead cost registers.
template <int D, int MB, int NB, int AHEAD = 4> DEVICE void scores(float (&s)[MB][NB][4], const bf16 *x, int row0, const bf16 *y) {
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int n = 0; n < NB; n++)
			UNROLL for (int i = 0; i < 4; i++) s[m][n][i] = 0;
	_Pragma("unroll AHEAD") for (int k = 0; k < D / 16; k++) {
		u32 rows[MB][4];
		UNROLL for (int m = 0; m < MB; m++) ldmatrix(rows[m], lane_place<D>(x, row0 + 16 * m, 2 * k));
		UNROLL for (int n = 0; n < NB; n += 2) {
			u32 columns[4];
			ldmatrix(columns, lane_place<D>(y, 8 * n, 2 * k));
			UNROLL for (int m = 0; m < MB; m++) {
				mma(s[m][n], rows[m], columns[0], columns[2]);
				mma(s[m][n + 1], rows[m], columns[1], columns[3]);
			}
		}
	}
}

// weights are scores in bf16, as mma takes them for its left operand.
template <int MB, int NB> struct weights {
	u32 w[MB][NB / 2][4];
};

// A dropped probability is marked by its sign until it is rounded: no other register has to remember it.
DEVICE bool is_dropped(float p) { return bits_f32(p) >> 31; }

// pack_weights rounds scores, with 0 for those that are dropped.
template <bool DROP, int MB, int NB> DEVICE void pack_weights(weights<MB, NB> &p, const float (&s)[MB][NB][4]) {
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int n = 0; n < NB; n++)
			UNROLL for (int i = 0; i < 4; i += 2) {
				const float x = s[m][n][i], y = s[m][n][i + 1];
				p.w[m][n / 2][n % 2 * 2 + i / 2] = pack_bf16(DROP && is_dropped(x) ? 0 : x, DROP && is_dropped(y) ? 0 : y);
			}
}

// add_product is sum += p·y, with DA columns of y from chunk c0 on.
template <int D, int DA, int MB, int NB> DEVICE void add_product(float (&sum)[MB][DA / 8][4], const weights<MB, NB> &p, const bf16 *y, int c0) {
	UNROLL for (int k = 0; k < NB / 2; k++)
		UNROLL for (int n = 0; n < DA / 8; n += 2) {
			u32 columns[4];
			ldmatrix_turned(columns, lane_place<D>(y, 16 * k, c0 + n));
			UNROLL for (int m = 0; m < MB; m++) {
				mma(sum[m][n], p.w[m][k], columns[0], columns[1]);
				mma(sum[m][n + 1], p.w[m][k], columns[2], columns[3]);
			}
		}
}

// mask says which columns a row may meet: with `at` its position among the columns (row0 is that of the warp's first row), those
// in [at − below, at + above].
struct mask {
	int row0, below, above;
};
DEVICE bool allowed(const mask &k, int row, int column) {
	const int at = k.row0 + row;
	return column >= at - k.below && column <= at + k.above;
}
// allows is whether any, and whether all of a warp's pairs are allowed.
DEVICE bool allows_any(const mask &k, int rows, int columns) { return columns - 1 >= k.row0 - k.below && 0 <= k.row0 + rows - 1 + k.above; }
DEVICE bool allows_all(const mask &k, int rows, int columns) { return columns - 1 <= k.row0 + k.above && 0 >= k.row0 + rows - 1 - k.below; }

// fill_masked sets what is not allowed.
template <int MB, int NB> DEVICE void fill_masked(float (&s)[MB][NB][4], const mask &k, float x) {
	const int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int n = 0; n < NB; n++)
			UNROLL for (int i = 0; i < 4; i++)
				if (!allowed(k, 16 * m + i / 2 * 8 + g, 8 * n + 2 * t + i % 2)) s[m][n][i] = x;
}

// add_allowed is add_product for a tile at an edge of the mask that holds NaN or infinities, which a weight of 0 would not keep out:
// column by column of p, skipping what is not allowed. Rare, so it is small instead of fast.
template <class PLACES, int DA, int MB, int NB>
DEVICE void add_allowed(float (&sum)[MB][DA / 8][4], const weights<MB, NB> &p, const bf16 *y, int c0, const mask &k) {
	const int lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4;
	_Pragma("unroll 1") for (int j = 0; j < 8 * NB; j++) {
		UNROLL for (int m = 0; m < MB; m++)
			UNROLL for (int h = 0; h < 2; h++) {
				u32 word = 0;
				UNROLL for (int n = 0; n < NB; n++) word |= p.w[m][n / 2][n % 2 * 2 + h] & (n == j / 8 ? ~0u : 0u); // all in registers
				word = shuffle(word, lane / 4 * 4 + j % 8 / 2);
				const float weight = f32_bits(j % 2 ? word & 0xffff0000u : word << 16);
				if (!allowed(k, 16 * m + 8 * h + g, j)) continue;
				UNROLL for (int n = 0; n < DA / 8; n++) {
					const u32 pair = *(const u32 *)(PLACES::at((bf16 *)y, j, c0 + n) + 2 * t);
					sum[m][n][2 * h] += weight * f32_bits(pair << 16);
					sum[m][n][2 * h + 1] += weight * f32_bits(pair & 0xffff0000u);
				}
			}
	}
}

// add_weighted is add_product, or add_allowed where it must be.
template <int D, int DA, int MB, int NB>
DEVICE void add_weighted(float (&sum)[MB][DA / 8][4], const weights<MB, NB> &p, const bf16 *y, int c0, const mask &k, bool whole) {
	if (whole || all_finite<8 * NB, D>(y)) add_product<D, DA, MB, NB>(sum, p, y, c0);
	else add_allowed<row_places<D>, DA, MB, NB>(sum, p, y, c0, k);
}

// dropout is the stream of one head of one document.
struct dropout {
	philox_key key;
	u32 threshold, head, sample;
};
DEVICE dropout open_dropout(const attention_args &a, int head, int doc) {
	if (a.threshold == 0) return {{0, 0}, 0, 0, 0};
	return {philox_subkey((u64)a.step[0], a.purpose, (u64)a.step[1], a.layer), a.threshold, (u32)head, (u32)a.step[2] + (u32)doc};
}
// kept4 is a bit for each of keys 4·k4 to 4·k4 + 3 of query q: 1 where the probability stays.
DEVICE u32 kept4(const dropout &d, int k4, int q) {
	const philox_words w = philox(d.key, (u32)k4, (u32)q, d.head, d.sample);
	return (w.w[0] >= d.threshold) | (w.w[1] >= d.threshold) << 1 | (w.w[2] >= d.threshold) << 2 | (w.w[3] >= d.threshold) << 3;
}

// kept_bits says which scores stay: bit 4n of w[m][2h+e] is that of s[m][n][2h+e]. A block of four words serves four lanes and rows
// or columns, so each lane makes some blocks and they are exchanged.
template <int MB> struct kept_bits {
	u32 w[MB][4];
};
// Rows are queries from q0 on, columns keys from k0 on: lanes 2i and 2i+1 need the same keys of two rows, and make one row each.
template <int MB, int NB> DEVICE void kept_by_query(kept_bits<MB> &bits, const dropout &d, int q0, int k0) {
	const int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
	UNROLL for (int m = 0; m < MB; m++) {
		u32 mine = 0;
		_Pragma("unroll 2") for (int n = 0; n < NB; n++) mine |= kept4(d, k0 / 4 + 2 * n + t / 2, q0 + 16 * m + t % 2 * 8 + g) << 4 * n;
		const u32 other = shuffle_xor(mine, 1);
		UNROLL for (int i = 0; i < 4; i++) bits.w[m][i] = (i / 2 == t % 2 ? mine : other) >> (t % 2 * 2 + i % 2);
	}
}
// Rows are keys from k0 on, columns queries from q0 on: four lanes have four keys of the same four pairs of row block and query, and
// make one pair each.
template <int MB, int NB> DEVICE void kept_by_key(kept_bits<MB> &bits, const dropout &d, int q0, int k0) {
	const int lane = threadIdx.x % WARP, g = lane / 4, t = lane % 4, mine_of = g % 4;
	UNROLL for (int m = 0; m < MB; m++) {
		u32 mine = 0;
		_Pragma("unroll 2") for (int n = 0; n < NB; n++)
			mine |= kept4(d, (k0 + 16 * m + mine_of / 2 * 8) / 4 + g / 4, q0 + 8 * n + 2 * t + mine_of % 2) << 4 * n;
		UNROLL for (int i = 0; i < 4; i++) bits.w[m][i] = shuffle(mine, (lane & 0x13) | i << 2) >> (g % 4);
	}
}
template <int MB> DEVICE bool kept(const kept_bits<MB> &bits, int m, int n, int i) { return bits.w[m][i] >> 4 * n & 1; }
template <int MB, int NB> DEVICE void mark_dropped(float (&p)[MB][NB][4], const kept_bits<MB> &bits) {
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int n = 0; n < NB; n++)
			UNROLL for (int i = 0; i < 4; i++)
				if (!kept(bits, m, n, i)) p[m][n][i] = f32_bits(bits_f32(p[m][n][i]) | 0x80000000u);
}

// store_pair writes two neighbouring elements; words: the address is a multiple of 4.
DEVICE void store_pair(bf16 *p, bool words, float x, float y) {
	if (words) *(u32 *)p = pack_bf16(x, y);
	else p[0] = bf16_of(x), p[1] = bf16_of(y);
}
// store_rows writes the first `dim` columns of a warp's sums times f, from row row0 of `to`, of which there are `rows`.
template <int DA, int MB> DEVICE void store_rows(bf16 *to, i64 stride, int row0, int rows, int dim, const float (&sum)[MB][DA / 8][4], const float (&f)[MB][2]) {
	const int g = threadIdx.x % WARP / 4, t = threadIdx.x % 4;
	const bool words = (u64)to % 4 == 0 && stride % 2 == 0;
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int h = 0; h < 2; h++) {
			const int row = row0 + 16 * m + 8 * h + g;
			if (row >= rows) continue;
			UNROLL for (int n = 0; n < DA / 8; n++)
				if (8 * n < dim) store_pair(to + row * stride + 8 * n + 2 * t, words, sum[m][n][2 * h] * f[m][h], sum[m][n][2 * h + 1] * f[m][h]);
		}
}

#endif
