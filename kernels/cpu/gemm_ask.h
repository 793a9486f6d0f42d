// Asking for memory ahead of its use, spread over the register tiles that run meanwhile. A burst of prefetches fills the queue
// of misses, and the tile waits behind it; one or two lines a step of k cost nothing that can be measured.
#ifndef PRIMER_GEMM_ASK_H
#define PRIMER_GEMM_ASK_H

#include "gemm.h"

enum { ASK_BYTES = 128 }; // that one step asks for

// area is memory that will be read soon: rows of so many bytes, stride bytes apart.
typedef struct {
	const char *p;
	int64_t bytes, stride, rows;
} area;

// area_of is where rows i to i+n of an operand have their words w0 to w0+w.
static inline area area_of(const gemm_operand *x, int64_t i, int64_t n, int64_t w0, int64_t w, int words) {
	const int64_t size = dt_size(x->type), per = words == WORD_PAIR ? 2 : 1, k = w0 * per, len = w * per;
	const char *p = (const char *)x->p + (i * x->rs + k * x->ks) * size;
	const area r = x->ks == 1 ? (area){p, len * size, x->rs * size, n} : (area){p, n * size, x->ks * size, len};
	if (r.bytes != r.stride) return r;
	return (area){p, ASK_BYTES, ASK_BYTES, r.bytes * r.rows / ASK_BYTES}; // without gaps: one long row
}

// asker shares an area out among tiles: columns of ASK_BYTES, each cut into pieces of some rows. Where there are more columns
// than tiles, the last ones are left out.
typedef struct {
	area left;         // the columns that are left
	int64_t row, rows; // where the next piece begins, rows of a piece
} asker;

static inline asker ask_for(area x, int64_t tiles) {
	const int64_t columns = (x.bytes + ASK_BYTES - 1) / ASK_BYTES, pieces = columns && tiles > columns ? tiles / columns : 1;
	return (asker){x, 0, (x.rows + pieces - 1) / pieces};
}

// next_ask is what the next tile asks for; no words when everything was asked for.
static inline gemm_ask next_ask(asker *a) {
	if (a->left.bytes <= 0 || a->left.rows <= 0) return (gemm_ask){a->left.p, 0, 0};
	const int64_t rest = a->left.rows - a->row;
	const gemm_ask ask = {a->left.p + a->row * a->left.stride, a->left.stride, a->rows < rest ? a->rows : rest};
	a->row += a->rows;
	if (a->row >= a->left.rows) a->row = 0, a->left.p += ASK_BYTES, a->left.bytes -= ASK_BYTES;
	return ask;
}

#endif
