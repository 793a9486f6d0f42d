// The matrix product for few rows of A and a B that lies along k (decoding, short prompts): B is by far the larger operand,
// so it is read once, where it lies, and never packed.
//
// Up to GEMM_FEW rows: B goes through registers in transposed squares (gemm_few). More: the roles change. The register tile's
// rows are B's rows, broadcast from where they lie, and its columns are the rows of A, packed; its result is turned on the way
// out. Either way every output is the same chain over k as in gemm.c, so the bits are the same.
// Measured here: packing a B of 864 × 288 for 64 rows took a fifth of the product.

#include "gemm_word.h"

enum {
	TURN_ROWS = 256,      // rows up to which turning pays when B comes from main memory: it is read once, and not packed
	TURN_NEAR = 128,      // and when it does not
	NEAR_BYTES = 4 << 20, // of B
	CHUNK = 512,          // words of k between two stores of a turned tile's chains
	ROWS_PHASE = 0,
	OUTS_PHASE = 1,
};

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

static const uint32_t *row_of(const gemm_operand *x, int64_t i) {
	return (const uint32_t *)((const char *)x->p + i * x->rs * dt_size(x->type));
}

// start_of says where the chains of outputs [0.., o..] start.
static gemm_io start_of(const gemm_args *g, int64_t o) {
	const int64_t size = dt_size(g->c_type);
	gemm_io io = {.out = (char *)g->c + o * size, .out_ld = g->ldc, .out_type = g->c_type};
	if (g->accumulate) io.in = io.out, io.in_ld = g->ldc, io.in_type = g->c_type;
	else if (g->bias) io.in = g->bias + o, io.in_type = DT_F32;
	return io;
}

// squares is the way for up to GEMM_FEW rows: 16 outputs at a time.
static void squares(worker *w, const gemm_args *g, gemm_few *few, const uint32_t *x, int64_t x_ld, int64_t kw) {
	const int64_t blocks = (g->n + 15) / 16, w_ld = gemm_words(g->b.rs, g->b.type == DT_F32 ? WORD_F32 : WORD_PAIR);
	int64_t from, to;
	while (team_claim(w, OUTS_PHASE, blocks, blocks > 32 * w->n ? 8 : 1, &from, &to)) {
		for (int64_t o = from * 16; o < to * 16 && o < g->n; o += 16) {
			gemm_io io = start_of(g, o);
			few((int)g->m, kw, x, x_ld, row_of(&g->b, o), w_ld, (int)at_most(16, g->n - o), &io);
		}
	}
}

// turn_all moves the finished chains of outs outputs into y, or with `back` y into them.
static void turn_all(const gemm_args *g, const gemm_isa *isa, int64_t o, int64_t outs, float *part, int back) {
	const int64_t size = dt_size(g->c_type);
	for (int64_t i = 0; i < outs; i += 16)
		isa->turn(part + i * TURN_ROWS, TURN_ROWS, (int)at_most(16, outs - i), (int)g->m, (char *)g->c + (o + i) * size, g->ldc, g->c_type, back);
}

// turned_tile is outputs o to o+outs of all rows; part: [outs, TURN_ROWS] holds their chains, also between chunks of k.
static void turned_tile(const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t kw, int64_t o, int outs, float *part) {
	const int bf16 = g->b.type == DT_BF16, nr = isa->nr;
	const int64_t w_ld = gemm_words(g->b.rs, bf16 ? WORD_PAIR : WORD_F32);
	gemm_tile **wide = bf16 ? isa->bf16 : isa->f32, **narrow = bf16 ? isa->bf16_narrow : isa->f32_narrow;
	for (int64_t k = 0; k < kw || k == 0; k += CHUNK) {
		for (int64_t r = 0; r < g->m; r += nr) {
			float *tile = part + r;
			const int64_t cols = at_most(nr, g->m - r);
			gemm_io io = {.a_rs = w_ld, .a_ks = 1, .b_ks = nr, .out = tile, .out_ld = TURN_ROWS, .out_type = DT_F32, .cols = (int)cols};
			// The rows after these, shared out among the tiles of these.
			io.next_step = outs * w_ld * 4 / ((g->m + nr - 1) / nr) / kw;
			io.next = (const char *)(row_of(&g->b, o) + outs * w_ld) + (r / nr * kw + k) * io.next_step;
			if (k > 0 || g->accumulate || g->bias) io.in = tile, io.in_ld = TURN_ROWS, io.in_type = DT_F32;
			(cols <= nr / 2 ? narrow : wide)[outs](at_most(CHUNK, kw - k), row_of(&g->b, o) + k, x + r * kw + k * nr, &io);
		}
	}
}

// turned_block is outputs o to o+outs, several tiles of them.
static void turned_block(const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t kw, int64_t o, int64_t outs, float *part) {
	if (g->accumulate) turn_all(g, isa, o, outs, part, 1);
	else if (g->bias) {
		for (int64_t i = 0; i < outs; i++) {
			for (int64_t r = 0; r < g->m; r++) part[i * TURN_ROWS + r] = g->bias[o + i];
		}
	}
	for (int64_t i = 0; i < outs; i += isa->mr) turned_tile(g, isa, x, kw, o + i, (int)at_most(isa->mr, outs - i), part + i * TURN_ROWS);
	turn_all(g, isa, o, outs, part, 0);
}

// turned is the way for up to TURN_ROWS rows. The outputs of eight tiles fill whole cache lines of y; where there are few,
// a piece is one tile, so that every thread has some.
static void turned(worker *w, const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t kw) {
	const int64_t large = 8 * isa->mr, piece = g->n >= 4 * w->n * large ? large : isa->mr;
	int64_t from, to;
	while (team_claim(w, OUTS_PHASE, (g->n + piece - 1) / piece, 1, &from, &to))
		turned_block(g, isa, x, kw, from * piece, at_most(piece, g->n - from * piece), team_scratch(w));
}

// pack_rows packs A: as panels, or (wide = 0) as rows of words; shared out in pieces of k.
static void pack_rows(worker *w, const gemm_args *g, const gemm_isa *isa, int words, uint32_t *x, int64_t kw, int panels) {
	enum { PIECE = 128 };
	const int64_t pieces = (kw + PIECE - 1) / PIECE, groups = panels ? (g->m + isa->nr - 1) / isa->nr : 1;
	int64_t from, to;
	while (team_claim(w, ROWS_PHASE, pieces * groups, 1, &from, &to)) {
		int64_t r = from / pieces * isa->nr, k = from % pieces * PIECE, n = at_most(PIECE, kw - k);
		if (panels) {
			isa->pack_b(x + r * kw + k * isa->nr, &g->a, r, at_most(isa->nr, g->m - r), g->k, k, n, words);
			continue;
		}
		for (int64_t i = 0; i < g->m; i++) {
			for (int64_t j = k; j < k + n; j++) x[i * kw + j] = gemm_word(&g->a, i, g->k, j, words);
		}
	}
	team_barrier(w);
}

int gemm_run_few(worker *w, const gemm_args *g, const gemm_isa *isa) {
	const int bf16 = g->math == DT_BF16, words = bf16 ? isa->words : WORD_F32;
	const int64_t kw = gemm_words(g->k, words);
	const int64_t most = g->n * kw * 4 > NEAR_BYTES ? TURN_ROWS : TURN_NEAR;
	if (!isa->turn || g->m > most || g->b.ks != 1 || g->a.ks != 1 || !gemm_in_place(&g->b, g->k, words)) return 0;
	if ((g->m + isa->nr) * kw * 4 > TEAM_SHARED) return 0;
	uint32_t *x = team_shared(w);
	if (g->m > GEMM_FEW) {
		pack_rows(w, g, isa, words, x, kw, 1);
		turned(w, g, isa, x, kw);
		return 1;
	}
	int64_t x_ld = kw;
	if (gemm_in_place(&g->a, g->k, words)) {
		x = (uint32_t *)g->a.p;
		x_ld = gemm_words(g->a.rs, words);
	} else {
		pack_rows(w, g, isa, words, x, kw, 0);
	}
	squares(w, g, bf16 ? isa->bf16_few : isa->f32_few, x, x_ld, kw);
	return 1;
}
