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

#endif
