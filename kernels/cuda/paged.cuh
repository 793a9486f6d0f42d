// What the kernels of the paged cache share: their arguments, where sequences and positions lie, and how the results of splits
// are merged. All arithmetic is by named roundings: the compiler must not contract it in one kernel and not in another, or a row
// would have other bits in a chunk than alone.
#ifndef PRIMER_PAGED
#define PRIMER_PAGED
#include "prims.cuh"

#define FAIL_SLOT 4
#define FAIL_PAGED_TABLE 7
#define NO_ROW 0xffffffffu

struct paged_write_args {
	void *kcache, *vcache;
	const void *qkv;
	const i64 *slots;
	failure *failed;
	i64 pages, page_size;
	int heads, kv_heads, dim, cache_bf16;
	int vectors, pad; // vectors: of one type, and everything may be moved 16 bytes at a time
};

// Work is, for every narrow row, head and split, the weighted sum of values [stride], and behind all of these its maximum and
// its sum of weights.
struct paged_attention_args {
	void *out;
	const void *qkv, *kcache, *vcache;
	const int *table, *culens, *lens;
	float *work;
	failure *failed;
	i64 rows, pages, width;        // width: pages of a row of the table
	int seqs, heads, kv_heads, dim;
	int page_size, max_len, window; // window: the largest int where there is none
	int split, splits, stride;      // keys of a split; splits of max_len; floats of a sum
	int narrow;                     // a sequence of at most so many new rows has each split computed by a block of its own
	int cache_bf16, aligned;        // aligned: heads of q, k and v start at multiples of 16 bytes
	int out_words;                  // heads of out start at multiples of 4 bytes
	int wide;                       // paged_rows only: take the sequences with more rows
	float scale;                    // times log2 e
};

#define NEVER f32_bits(0xff800000u) // −∞: the score of a key that is not allowed

// A sequence: its new rows [row, row+rows) are positions [first, len).
struct paged_sequence {
	int id, row, rows, first, len;
};

// paged_enter reads a sequence; false where it has no new rows or does not fit its pages, which is a failure.
DEVICE bool paged_enter(const paged_attention_args &a, int id, paged_sequence &s) {
	const i64 from = a.culens[id], to = a.culens[id + 1], len = a.lens[id];
	if (from == to) return false;
	if (from < 0 || to < from || to > a.rows || len < to - from || len > a.max_len || (len + a.page_size - 1) / a.page_size > a.width) {
		if (threadIdx.x == 0) fail(a.failed, FAIL_PAGED_TABLE, id, len);
		return false;
	}
	s.id = id, s.row = (int)from, s.rows = (int)(to - from), s.len = (int)len, s.first = s.len - s.rows;
	return true;
}

// paged_find is the sequence and the tile in it of a tile among those of all wide sequences; a sequence has a tile for every
// `size` of its rows × heads. Every warp finds it for itself. −1: there are not so many tiles.
DEVICE int paged_find(const paged_attention_args &a, int heads, int size, u32 &tile) {
	const int lane = threadIdx.x % WARP;
	for (int base = 0; base < a.seqs; base += WARP) {
		const int s = base + lane;
		u32 sum = 0;
		if (s < a.seqs) {
			const int rows = a.culens[s + 1] - a.culens[s];
			if (rows > a.narrow) sum = (u32)(((i64)rows * heads + size - 1) / size);
		}
		const u32 own = sum;
		for (int up = 1; up < WARP; up *= 2) {
			const u32 below = shuffle_up(sum, up);
			if (lane >= up) sum += below;
		}
		const u32 here = ballot(sum > tile);
		if (here != 0) {
			int first = 0;
			while ((here >> first & 1) == 0) first++;
			tile -= shuffle(sum - own, first);
			return base + first;
		}
		tile -= shuffle(sum, WARP - 1);
	}
	return -1;
}

// paged_row is the row of the caches, seen as [pages·K·PageSize, D], that holds a position for a key head.
DEVICE u32 paged_row(const paged_attention_args &a, int seq, int group, int position) {
	const int at = position / a.page_size, page = a.table[seq * a.width + at];
	if (page < 0 || page >= a.pages) {
		fail(a.failed, FAIL_PAGED_TABLE, seq, page);
		return NO_ROW;
	}
	return (u32)(((i64)page * a.kv_heads + group) * a.page_size + (position - at * a.page_size));
}

DEVICE int lesser(int x, int y) { return x < y ? x : y; }
DEVICE int greater(int x, int y) { return x > y ? x : y; }

// paged_lowest is the first position that the row at a position sees.
DEVICE int paged_lowest(const paged_attention_args &a, int position) { return greater(0, position - a.window + 1); }

// paged_part is where Work keeps the sum of a narrow row's head over a split.
DEVICE i64 paged_part(const paged_attention_args &a, const paged_sequence &s, int row, int head, int split) {
	const i64 slot = a.rows <= (i64)a.seqs * a.narrow ? s.row + row : (i64)s.id * a.narrow + row;
	return (slot * a.heads + head) * a.splits + split;
}
DEVICE float *paged_stats(const paged_attention_args &a, i64 part) {
	const i64 all = (i64)a.seqs * a.narrow, slots = a.rows <= all ? a.rows : all;
	return a.work + slots * a.heads * a.splits * a.stride + part * 2;
}

// A running softmax: the maximum of the scores, the sum of 2^(score − maximum), and how what was summed before is to be scaled.
struct alignas(8) paged_softmax {
	float m, l;
};
struct alignas(8) float_pair {
	float x, y;
};

// paged_raise makes room for a new maximum and returns the factor of the old sums; base is what to subtract from scores.
DEVICE float paged_raise(float &m, float top, float &base) {
	const float old = m;
	m = top > old ? top : old;
	base = m == NEVER ? 0.0f : m;
	return exp2_fast(add_rn(old, -base));
}

// paged_fold adds the softmax of a split to that of the splits before: sum = sum·before + (split's sum)·now. false where the row
// sees no key of the split: such a split, which other rows may see, leaves no trace.
DEVICE bool paged_fold(paged_softmax &x, paged_softmax split, float &before, float &now) {
	if (split.m == NEVER && split.l == 0.0f) return false;
	float base;
	before = paged_raise(x.m, split.m, base);
	now = exp2_fast(add_rn(split.m, -base));
	x.l = fma_rn(split.l, now, mul_rn(x.l, before));
	return true;
}
DEVICE float paged_add(float sum, float before, float split, float now) { return fma_rn(split, now, mul_rn(sum, before)); }

#endif
