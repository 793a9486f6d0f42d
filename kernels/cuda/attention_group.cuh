// What the forward and the backward kernels of attention by warpgroups share: the two kinds of products, and the order of tiles.
#ifndef PRIMER_ATTENTION_GROUP
#define PRIMER_ATTENTION_GROUP
#include "attention.cuh"
#include "warpgroup.cuh"

#if WARPGROUPS

// walk is the order in which a block meets tiles: first whole ones, of which the mask lets everything through, so that products of one
// can be under way while those of the next begin; then those before and behind them. ptxas makes products wait for each other where
// a branch between two of them may touch their sums, as add_allowed does.
struct walk {
	int first, whole, end, wholes; // numbers of tiles: of the first at all, of the first whole one, behind the last; how many are whole
};
DEVICE int tile_at(const walk &w, int i) {
	if (i < w.wholes) return w.whole + i;
	const int edge = i - w.wholes;
	return edge < w.whole - w.first ? w.first + edge : edge + w.wholes + w.first;
}
DEVICE int tiles_of(const walk &w) { return w.end - w.first; }

// keys_of is the walk of ROWS queries through tiles of KEYS keys.
template <int ROWS, int KEYS> DEVICE walk keys_of(const document &doc, int window) {
	const int end = doc.length < doc.first + ROWS ? doc.length : doc.first + ROWS;
	const int far = doc.first - window + 1, near = end - window; // the first keys that the first and the last query see
	walk w;
	w.first = far < 0 ? 0 : far / KEYS;
	w.end = (end + KEYS - 1) / KEYS;
	w.whole = near <= 0 ? 0 : (near + KEYS - 1) / KEYS;
	w.whole = w.whole < w.end ? w.whole : w.end;
	w.wholes = (doc.first + 1) / KEYS - w.whole; // every query sees all of a tile that ends at the first one's key at the latest
	w.wholes = w.wholes < 0 ? 0 : w.wholes;
	return w;
}

// queries_of is the walk of ROWS keys through tiles of QUERIES queries; ROWS is a multiple of QUERIES.
template <int ROWS, int QUERIES> DEVICE walk queries_of(const document &doc, int window) {
	const i64 last = (i64)doc.first + ROWS - 1 + window, near = ((i64)doc.first + window) / QUERIES; // the first query that sees no key
	walk w;
	w.first = doc.first / QUERIES;
	w.end = ((last < doc.length ? (int)last : doc.length) + QUERIES - 1) / QUERIES;
	w.whole = w.first + ROWS / QUERIES;
	w.whole = w.whole < w.end ? w.whole : w.end;
	w.wholes = (int)(near < w.end ? near : w.end) - w.whole; // up to the last query that sees the first key
	w.wholes = w.wholes < 0 ? 0 : w.wholes;
	return w;
}

// begin_scores begins s = x·yᵀ for the 64 rows at x of a tile of ROWS rows and all of a tile of COLUMNS rows; a group for group_wait.
template <int D, int ROWS, int COLUMNS> DEVICE void begin_scores(float (&s)[1][COLUMNS / 8][4], const bf16 *x, const bf16 *y) {
	const u64 rows = group_operand(x, 0), columns = group_operand(y, 0);
	UNROLL for (int i = 0; i < D / 16; i++)
		group_mma(s[0], group_step(rows, i / 4 * ROWS * GROUP_COLUMN + i % 4 * 16), group_step(columns, i / 4 * COLUMNS * GROUP_COLUMN + i % 4 * 16), i > 0);
	group_commit();
}
// begin_weighted begins sum += p·y for a tile of ROWS rows; a group for group_wait.
template <int D, int ROWS> DEVICE void begin_weighted(float (&sum)[1][D / 8][4], const weights<1, ROWS / 8> &p, const bf16 *y) {
	const u64 rows = group_operand(y, ROWS * GROUP_COLUMN * sizeof(bf16));
	UNROLL for (int i = 0; i < ROWS / 16; i++) group_mma_turned(sum[0], p.w[0][i], group_step(rows, i * 16 * GROUP_COLUMN), true);
	group_commit();
}
// multiply and add_product wait for their product.
template <int D, int ROWS, int COLUMNS> DEVICE void multiply(float (&s)[1][COLUMNS / 8][4], const bf16 *x, const bf16 *y) {
	hold(s[0]);
	group_fence();
	begin_scores<D, ROWS, COLUMNS>(s, x, y);
	group_wait<0>();
	hold(s[0]);
}
template <int D, int ROWS> DEVICE void add_product(float (&sum)[1][D / 8][4], weights<1, ROWS / 8> &p, const bf16 *y) {
	hold(sum[0]);
	hold(p.w[0]);
	group_fence();
	begin_weighted<D, ROWS>(sum, p, y);
	group_wait<0>();
	hold(sum[0]);
	hold(p.w[0]);
}
// add_edge is add_product for a tile at an edge of the mask, or add_allowed where it must be.
template <int D, int ROWS> DEVICE void add_edge(float (&sum)[1][D / 8][4], weights<1, ROWS / 8> &p, const bf16 *y, const mask &may) {
	if (all_finite<ROWS, D>(y)) add_product<D, ROWS>(sum, p, y);
	else add_allowed<column_places<ROWS>, D>(sum, p, y, 0, may);
}

#endif
#endif
