// Paged attention in bf16 on the tensor cores: a block of 4 warps, one sequence, one key head. The M side of every product is
// new rows × query heads of the key head, so that a group shares the loads of K and V; the tile's row x is new row x / G, head
// x mod G. K and V come in tiles of KEYS positions through a ring of STAGES, 16 bytes a copy, swizzled: piece c of row r lies at
// c xor r mod 8, which leaves ldmatrix without bank conflicts.
//
// wide:   64 rows, 16 a warp, all splits of the sequence in turn, merged here. Sums of earlier splits wait in shared memory.
// narrow: 16 rows, one split. The warps share the keys of q·kᵀ, exchange the scores, and share the columns of p·v.
//
// An element of a product sees its own row and column only and both kinds take its terms in the same order, so that a row has the
// same bits in both; a tile that a row does not see adds zeros to it, or is skipped. 0 × NaN is not zero: where some rows
// see a key and others do not, the value is looked at, and what is not finite is added by hand to the rows that see it.
#ifndef PRIMER_PAGED_TILE
#define PRIMER_PAGED_TILE
#include "paged.cuh"

// paged_cursor is a tile: the first key of its split, and its own.
struct paged_cursor {
	int from, j;
};

template <int DIM, int TILE_KEYS, int RING, bool IS_WIDE> struct paged_block {
	static constexpr int D = DIM, KEYS = TILE_KEYS, STAGES = RING;
	static constexpr bool WIDE = IS_WIDE;
	static constexpr int ROWS = WIDE ? 64 : 16, COLS = WIDE ? D : D / 4, SCORES = KEYS + 8; // SCORES: floats of an exchanged row
	paged_sequence s;
	int group, heads, base;   // key head, query heads of a key head, first row of the tile
	int lowest, end;          // keys that the block's rows see
	int first, last;          // positions of the block's first and last row
	int warp, lane, row[2];   // row: of the tile, those of this lane's sums
	int position[2];          // −1: no such row
	bf16 *ring, *q;
	float *extra;             // scores [16, SCORES], or merged sums [4, D/2, 32]
	int *bad;                 // 1 once a value that is not finite was seen
	float acc[COLS / 8][4];
	paged_softmax x[2];       // of the split; l is this lane's part
	paged_softmax merged[2];
};

template <class B> DEVICE bf16 *paged_keys(B &b, int stage) { return b.ring + stage * 2 * B::KEYS * B::D; }
template <class B> DEVICE bf16 *paged_values(B &b, int stage) { return paged_keys(b, stage) + B::KEYS * B::D; }
template <class B> DEVICE bf16 *paged_piece(B &, bf16 *tile, int row, int piece) { return tile + row * B::D + (piece ^ (row & 7)) * 8; }

DEVICE void paged_copy(const paged_attention_args &a, bf16 *to, const bf16 *from, bool valid) {
	if (a.aligned) {
		cp_async16(to, from, valid);
		return;
	}
	for (int i = 0; i < 8; i++) to[i].bits = valid ? from[i].bits : (u16)0;
}

// paged_rows_of looks up the cache rows of the keys that this warp copies of a tile, one a lane.
template <class B> DEVICE u32 paged_rows_of(const paged_attention_args &a, B &b, paged_cursor c) {
	constexpr int OWN = B::KEYS / 4;
	const int position = c.j + b.warp * OWN + b.lane % OWN;
	if (position < b.lowest || position >= lesser(b.end, c.from + a.split)) return NO_ROW;
	return paged_row(a, b.s.id, b.group, position);
}

template <class B> DEVICE void paged_fetch(const paged_attention_args &a, B &b, u32 rows, int stage) {
	constexpr int OWN = B::KEYS / 4, PIECES = B::D / 8, AT_ONCE = WARP / PIECES;
	const int piece = b.lane % PIECES;
#pragma unroll
	for (int pass = 0; pass < OWN / AT_ONCE; pass++) {
		const int key = pass * AT_ONCE + b.lane / PIECES;
		const u32 row = shuffle(rows, key);
		const bool valid = row != NO_ROW && piece * 8 < a.dim;
		const i64 at = valid ? (i64)row * a.dim + piece * 8 : 0;
		paged_copy(a, paged_piece(b, paged_keys(b, stage), b.warp * OWN + key, piece), (const bf16 *)a.kcache + at, valid);
		paged_copy(a, paged_piece(b, paged_values(b, stage), b.warp * OWN + key, piece), (const bf16 *)a.vcache + at, valid);
	}
}

template <class B> DEVICE void paged_fetch_queries(const paged_attention_args &a, B &b) {
	constexpr int PIECES = B::D / 8;
	for (int i = threadIdx.x; i < B::ROWS * PIECES; i += 4 * WARP) {
		const int r = i / PIECES, piece = i % PIECES, x = b.base + r;
		const bool valid = x < b.s.rows * b.heads && piece * 8 < a.dim;
		const i64 head = (i64)(b.s.row + x / b.heads) * (a.heads + 2 * a.kv_heads) + b.group * b.heads + x % b.heads;
		paged_copy(a, paged_piece(b, b.q, r, piece), (const bf16 *)a.qkv + (valid ? head * a.dim + piece * 8 : 0), valid);
	}
}

// paged_open finds the rows of the block; false: it has none.
template <class B> DEVICE bool paged_open(const paged_attention_args &a, B &b, int group, int base) {
	b.group = group, b.base = base, b.heads = a.heads / a.kv_heads;
	const int all = b.s.rows * b.heads;
	if (base >= all) return false;
	b.warp = threadIdx.x / WARP, b.lane = threadIdx.x % WARP;
	for (int i = 0; i < 2; i++) {
		b.row[i] = (B::WIDE ? b.warp * 16 : 0) + b.lane / 4 + i * 8;
		b.position[i] = base + b.row[i] < all ? b.s.first + (base + b.row[i]) / b.heads : -1;
		b.merged[i].m = NEVER, b.merged[i].l = 0;
	}
	b.first = b.s.first + base / b.heads, b.last = b.s.first + lesser(base + B::ROWS - 1, all - 1) / b.heads;
	b.lowest = paged_lowest(a, b.first), b.end = b.last + 1;
	b.ring = (bf16 *)dynamic_shared();
	b.q = b.ring + B::STAGES * 2 * B::KEYS * B::D;
	b.extra = (float *)(b.q + B::ROWS * B::D);
	return true;
}

template <class B> DEVICE void paged_clear(B &b) {
#pragma unroll
	for (int n = 0; n < B::COLS / 8; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) b.acc[n][i] = 0;
	}
	for (int i = 0; i < 2; i++) b.x[i].m = NEVER, b.x[i].l = 0;
}

// paged_scores is q·kᵀ of the warp's 16 rows with N · 8 keys from key j of the tile.
template <int N, class B> DEVICE void paged_scores(const paged_attention_args &a, B &b, const bf16 *keys, int j, float (&s)[N][4]) {
	const int matrix = b.lane / 8, at = b.lane % 8;
	const int row = (B::WIDE ? b.warp * 16 : 0) + matrix % 2 * 8 + at;
#pragma unroll
	for (int n = 0; n < N; n++) s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
#pragma unroll
	for (int d = 0; d < B::D / 8; d += 4) { // in pieces: 32 elements
		if (d * 8 >= a.dim) continue;
		u32 q[2][4], k[4];
		ldmatrix(q[0], paged_piece(b, b.q, row, d + matrix / 2));
		ldmatrix(q[1], paged_piece(b, b.q, row, d + 2 + matrix / 2));
#pragma unroll
		for (int n = 0; n < N; n++) {
			ldmatrix(k, paged_piece(b, (bf16 *)keys, j + n * 8 + at, d + matrix));
			mma(s[n], q[0], k[0], k[1]);
			mma(s[n], q[1], k[2], k[3]);
		}
	}
}

// paged_exchange gives every warp of a narrow block the scores of all keys of the tile.
template <int N, class B> DEVICE void paged_exchange(const paged_attention_args &a, B &b, const bf16 *keys, float (&s)[N][4]) {
	float own[N / 4][4];
	paged_scores<N / 4>(a, b, keys, b.warp * (N / 4) * 8, own);
	float *at = b.extra + b.lane / 4 * B::SCORES + b.lane % 4 * 2;
#pragma unroll
	for (int n = 0; n < N / 4; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) at[i / 2 * 8 * B::SCORES + (b.warp * (N / 4) + n) * 8 + i % 2] = own[n][i];
	}
	__syncthreads();
#pragma unroll
	for (int n = 0; n < N; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) s[n][i] = at[i / 2 * 8 * B::SCORES + n * 8 + i % 2];
	}
}

// paged_sees tells whether row i of this lane sees key j: not after it, in its window, and in the split.
template <class B> DEVICE bool paged_sees(const paged_attention_args &a, B &b, paged_cursor c, int i, int j) {
	return j <= b.position[i] && j > b.position[i] - a.window && j - c.from < a.split;
}

// paged_weigh turns scores into weights 2^(score − maximum), raising the maximum.
template <int N, class B> DEVICE void paged_weigh(const paged_attention_args &a, B &b, paged_cursor c, float (&s)[N][4]) {
	float top[2] = {NEVER, NEVER}, base[2], before[2], sum[2] = {0, 0};
	const int j = c.j + b.lane % 4 * 2;
#pragma unroll
	for (int n = 0; n < N; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) {
			s[n][i] = paged_sees(a, b, c, i / 2, j + n * 8 + i % 2) ? mul_rn(s[n][i], a.scale) : NEVER;
			top[i / 2] = s[n][i] > top[i / 2] ? s[n][i] : top[i / 2];
		}
	}
	bool raised = false;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		for (int lanes = 1; lanes < 4; lanes *= 2) {
			const float other = shuffle_xor(top[i], lanes);
			top[i] = other > top[i] ? other : top[i];
		}
		raised = raised || top[i] > b.x[i].m;
		before[i] = paged_raise(b.x[i].m, top[i], base[i]);
	}
#pragma unroll
	for (int n = 0; n < N; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) {
			s[n][i] = exp2_fast(add_rn(s[n][i], -base[i / 2]));
			sum[i / 2] = add_rn(sum[i / 2], s[n][i]);
		}
	}
	for (int i = 0; i < 2; i++) b.x[i].l = fma_rn(b.x[i].l, before[i], sum[i]);
	if (ballot(raised) == 0) return; // the factors are 1, or of zeros
#pragma unroll
	for (int n = 0; n < B::COLS / 8; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) b.acc[n][i] = mul_rn(b.acc[n][i], before[i / 2]);
	}
}

// paged_infinite tells whether one of two packed bf16 is infinite or NaN: its exponent is all ones.
DEVICE bool paged_infinite(u32 two) { return (((two & 0x7f807f80u) + 0x00800080u) & 0x80008000u) != 0; }

#define UNSEEN 0x8000u // −0, which is no weight

// paged_add_infinite adds the values that are not finite to the rows that see them. The weights lie in the place of the keys,
// which are no longer needed.
template <int N, class B> DEVICE void paged_add_infinite(const paged_attention_args &a, B &b, paged_cursor c, int stage, const float (&s)[N][4]) {
	u16 *weights = (u16 *)paged_keys(b, stage) + (B::WIDE ? b.warp : 0) * 16 * B::KEYS;
	const int r = b.lane / 4, t = b.lane % 4 * 2, first = B::WIDE ? 0 : b.warp * B::COLS;
	if (B::WIDE || b.warp == 0) {
#pragma unroll
		for (int n = 0; n < N; n++) {
#pragma unroll
			for (int i = 0; i < 4; i++) {
				const bool sees = paged_sees(a, b, c, i / 2, c.j + n * 8 + t + i % 2);
				weights[(r + i / 2 * 8) * B::KEYS + n * 8 + t + i % 2] = sees ? bf16_of(s[n][i]).bits : (u16)UNSEEN;
			}
		}
	}
	__syncthreads();
	for (int key = 0; key < B::KEYS; key++) {
		const u16 w[2] = {weights[r * B::KEYS + key], weights[(r + 8) * B::KEYS + key]};
#pragma unroll
		for (int n = 0; n < B::COLS / 8; n++) {
			const bf16 *v = paged_piece(b, paged_values(b, stage), key, first / 8 + n) + t;
#pragma unroll
			for (int i = 0; i < 4; i++) {
				if (w[i / 2] != UNSEEN && paged_infinite(v[i % 2].bits)) b.acc[n][i] = fma_rn(f32_of(bf16{w[i / 2]}), f32_of(v[i % 2]), b.acc[n][i]);
			}
		}
	}
}

// paged_make_finite puts zeros in the place of values that are not finite.
template <class B> DEVICE void paged_make_finite(B &b, int stage) {
	u16 *v = (u16 *)paged_values(b, stage);
	__syncthreads();
	for (int i = threadIdx.x; i < B::KEYS * B::D; i += 4 * WARP) {
		if (paged_infinite(v[i])) v[i] = 0;
	}
	__syncthreads();
}

// paged_guard sees to values that are not finite, in a tile that not all rows of the block see whole.
template <int N, class B> DEVICE void paged_guard(const paged_attention_args &a, B &b, paged_cursor c, int stage, const float (&s)[N][4]) {
	if (b.first == b.last || (c.j + B::KEYS - 1 <= b.first && c.j > b.last - a.window)) return; // what is there, all rows see
	const bf16 *v = paged_values(b, stage);
	bool bad = false;
	for (int i = threadIdx.x; i < B::KEYS * B::D / 8; i += 4 * WARP) {
		const vec16 x = load16(v + i * 8);
		bad = bad || paged_infinite(x.w[0]) || paged_infinite(x.w[1]) || paged_infinite(x.w[2]) || paged_infinite(x.w[3]);
	}
	if (bad) *b.bad = 1;
	__syncthreads();
	if (*b.bad == 0) return; // once it is 1 it stays: to look again is slow, and changes nothing
	paged_add_infinite(a, b, c, stage, s);
	paged_make_finite(b, stage);
}

// paged_sum adds weights × values to the warp's columns.
template <int N, class B> DEVICE void paged_sum(const paged_attention_args &a, B &b, int stage, const float (&s)[N][4]) {
	const int matrix = b.lane / 8, at = b.lane % 8, first = B::WIDE ? 0 : b.warp * (B::COLS / 8);
#pragma unroll
	for (int n = 0; n < N; n += 2) {
		const u32 p[4] = {pack_bf16(s[n][0], s[n][1]), pack_bf16(s[n][2], s[n][3]), pack_bf16(s[n + 1][0], s[n + 1][1]), pack_bf16(s[n + 1][2], s[n + 1][3])};
#pragma unroll
		for (int d = 0; d < B::COLS / 8; d += 2) {
			if ((first + d) * 8 >= a.dim) continue;
			u32 v[4];
			ldmatrix_turned(v, paged_piece(b, paged_values(b, stage), n * 8 + matrix % 2 * 8 + at, first + d + matrix / 2));
			mma(b.acc[d], p, v[0], v[1]);
			mma(b.acc[d + 1], p, v[2], v[3]);
		}
	}
}

// paged_compute takes one tile.
template <class B> DEVICE void paged_compute(const paged_attention_args &a, B &b, paged_cursor c, int stage) {
	constexpr int N = B::KEYS / 8;
	float s[N][4];
	if constexpr (B::WIDE)
		paged_scores<N>(a, b, paged_keys(b, stage), 0, s);
	else
		paged_exchange<N>(a, b, paged_keys(b, stage), s);
	paged_weigh<N>(a, b, c, s);
	paged_guard<N>(a, b, c, stage, s);
	paged_sum<N>(a, b, stage, s);
}

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

template <class B> DEVICE void paged_narrow(const paged_attention_args &a) {
	B b;
	const int id = blockIdx.x / a.splits, split = blockIdx.x % a.splits, tile = blockIdx.y / a.kv_heads;
	if (!paged_enter(a, id, b.s) || b.s.rows > a.narrow || !paged_open(a, b, blockIdx.y % a.kv_heads, tile * B::ROWS)) return;
	const i64 from = (i64)split * a.split;
	if (from >= b.end || from + a.split <= b.lowest) return;
	b.lowest = greater(b.lowest, (int)from);
	b.end = from + a.split < b.end ? (int)(from + a.split) : b.end;
	__shared__ int bad;
	if (threadIdx.x == 0) bad = 0;
	b.bad = &bad;
	paged_clear(b);
	paged_run(a, b);
	paged_leave(a, b, split);
}

template <class B> DEVICE void paged_wide(const paged_attention_args &a) {
	B b;
	u32 tile = gridDim.x - 1 - blockIdx.x; // the last tiles of a sequence see most keys: they start first
	const int id = paged_find(a, a.heads / a.kv_heads, B::ROWS, tile);
	if (id < 0 || !paged_enter(a, id, b.s) || !paged_open(a, b, blockIdx.y, (int)tile * B::ROWS)) return;
	__shared__ int bad;
	if (threadIdx.x == 0) bad = 0;
	b.bad = &bad;
	paged_clear(b);
	for (int i = 0; i < B::D / 2; i++) b.extra[(b.warp * B::D / 2 + i) * WARP + b.lane] = 0;
	paged_run(a, b);
	paged_store(a, b);
}

#endif
