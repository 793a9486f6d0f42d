// The matrix product for few rows of A and a B that lies along k (decoding, short prompts): B is by far the larger operand,
// so it is read once, where it lies. Three ways, each the best of its rows (measured; every output is the same chain over k as
// in gemm.c, so the bits are the same):
//
// squares: B goes through registers in transposed squares that meet each row of A once (gemm_few). From the second cache a
// quarter of a square at a time, which costs half the shuffles (4 rows of bf16, 288 × 768: 86 → 113 GFLOP/s); from main memory
// asking for whole lines far ahead is worth more.
// panels: each thread packs a panel of B for itself, and runs the register tile over the rows. For the bf16 dot product, which
// loses a third of its speed where every step needs a broadcast of its own, as in the other two. And for bf16 elements without that
// instruction, whose words are twice as large as they are: also where B has been packed, it is read as it lies (swapped).
// turned: the roles change. The register tile's rows are B's rows, broadcast from where they lie, and its columns are the rows
// of A, packed; its result is turned on the way out. Packing a B of 864 × 288 for 64 rows took a fifth of the product.

#include "gemm_word.h"

enum {
	SQUARE_ROWS = 4,      // of A with the dot product where lines of a near B are in each other's way; GEMM_FEW otherwise
	PANEL_ROWS = 14,      // with the dot product and a far B: all of them pass the panel at once
	PANEL_NEAR = 16,      // and a near B
	SWAPPED_KC = 128,     // words of k in a panel of swapped words, which the first cache holds beside those of A
	TURN_ROWS = 256,      // rows up to which turning pays when B comes from main memory: it is read once, and not packed
	TURN_NEAR = 128,      // and when it does not
	NEAR_BYTES = 4 << 20, // of B
	CHUNK = 512,          // words of k between two stores of a turned tile's chains
	ROWS_PHASE = 0,
	OUTS_PHASE = 1,
};
_Static_assert((PANEL_NEAR * 32 + GEMM_KC * 32 + GEMM_PAD) * 4 <= TEAM_SCRATCH, "a panel of B and its chains fit the scratch");

static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

static const uint32_t *row_of(const gemm_operand *x, int64_t i) {
	return (const uint32_t *)((const char *)x->p + i * x->rs * dt_size(x->type));
}

// row_words is the words from a row to the next of an operand that is read in place.
static int64_t row_words(const gemm_operand *x) { return gemm_words(x->rs, x->type == DT_F32 ? WORD_F32 : WORD_PAIR); }

// start_of says where the chains of outputs [0.., o..] start.
static gemm_io start_of(const gemm_args *g, int64_t o) {
	const int64_t size = dt_size(g->c_type);
	gemm_io io = {.out = (char *)g->c + o * size, .out_ld = g->ldc, .out_type = g->c_type};
	if (g->accumulate) io.in = io.out, io.in_ld = g->ldc, io.in_type = g->c_type;
	else if (g->bias) io.in = g->bias + o, io.in_type = DT_F32;
	return io;
}

// squares is the way for up to GEMM_FEW rows: 16 outputs at a time; of a near B as many as `near` takes, while there are.
static void squares(worker *w, const gemm_args *g, gemm_few *few, gemm_few *near, int64_t outs, const uint32_t *x, int64_t x_ld, int64_t kw) {
	const int64_t blocks = (g->n + 31) / 32, w_ld = row_words(&g->b);
	int64_t from, to;
	while (team_claim(w, OUTS_PHASE, blocks, blocks > 16 * w->n ? 4 : 1, &from, &to)) {
		const int64_t end = at_most(to * 32, g->n);
		for (int64_t o = from * 32, n; o < end; o += n) {
			const gemm_io io = start_of(g, o);
			const int whole = near && o + outs <= end;
			n = whole ? outs : at_most(16, end - o);
			(whole ? near : few)((int)g->m, kw, x, x_ld, row_of(&g->b, o), w_ld, (int)n, &io);
		}
	}
}

// How a product goes through panels of B: words of A, and sizes.
typedef struct {
	const uint32_t *x;    // word k of row r of a pass is x[pass·x_pass + r·x_rs + k·x_ks]
	int64_t x_pass, x_rs, x_ks;
	int64_t mr, kc;       // rows in a pass, words of k in a panel
	int64_t grain;        // panels that a thread takes at once
} panel_plan;

// panel is outputs o to o+n of all rows; b: [kc, nr] words, part: [rows, nr] unfinished chains of a bf16 output.
static void panel(const gemm_args *g, const gemm_isa *isa, const panel_plan *plan, int64_t kw, int64_t o, int64_t n, uint32_t *b, float *part) {
	const int64_t nr = isa->nr, mr = plan->mr, passes = (g->m + mr - 1) / mr;
	const int64_t size = isa->words == WORD_SWAPPED ? 2 : 4, ahead = nr * size / passes; // bytes in B of a word; asked for at each
	gemm_tile **tiles = isa->words == WORD_SWAPPED ? isa->f32 : isa->bf16;
	const gemm_io end = start_of(g, o);
	const int64_t step = mr * dt_size(end.out_type);
	for (int64_t k = 0; k < kw || k == 0; k += plan->kc) {
		const int64_t words = at_most(plan->kc, kw - k);
		isa->pack_b(b, &g->b, o, n, g->k, k, words, isa->words);
		const int first = k == 0, last = k + plan->kc >= kw, in_part = end.out_type != DT_F32;
		for (int64_t p = 0; p < passes; p++) {
			char *y = (char *)end.out + p * step * end.out_ld;
			gemm_io io = {.a_rs = plan->x_rs, .a_ks = plan->x_ks, .b_ks = nr, .cols = (int)n, .out = y, .out_ld = end.out_ld, .out_type = end.out_type};
			if (!last && in_part) io.out = part + p * mr * nr, io.out_ld = nr, io.out_type = DT_F32;
			if (first) io.in = end.in_ld ? y : end.in, io.in_ld = end.in_ld, io.in_type = end.in_type;
			else io.in = in_part ? (char *)(part + p * mr * nr) : y, io.in_ld = in_part ? nr : end.out_ld, io.in_type = DT_F32;
			// The next outputs' rows of B, in the order in which they lie, shared out among blocks of k and passes.
			io.ask[0] = (gemm_ask){(const char *)row_of(&g->b, o + nr) + k * nr * size + p * words * ahead, ahead, words};
			tiles[at_most(mr, g->m - p * mr)](words, plan->x + p * plan->x_pass + k * plan->x_ks, b, &io);
		}
	}
}

static void panels(worker *w, const gemm_args *g, const gemm_isa *isa, const panel_plan *plan, int64_t kw) {
	const int64_t nr = isa->nr;
	uint32_t *b = team_scratch(w);
	int64_t from, to;
	while (team_claim(w, OUTS_PHASE, (g->n + nr - 1) / nr, plan->grain, &from, &to)) {
		for (int64_t o = from * nr; o < at_most(to * nr, g->n); o += nr)
			panel(g, isa, plan, kw, o, at_most(nr, g->n - o), b, (float *)(b + plan->kc * nr + GEMM_PAD));
	}
}

// plan_of is the plan for a row-major x: words of k in equal blocks, rows in equal passes.
static panel_plan plan_of(const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t x_ld, int64_t kw) {
	const int64_t blocks = (kw + GEMM_KC - 1) / GEMM_KC, kc = blocks ? (kw + blocks - 1) / blocks : 1;
	const int64_t passes = (g->m + isa->mr - 1) / isa->mr, mr = (g->m + passes - 1) / passes;
	return (panel_plan){x, mr * x_ld, x_ld, 1, mr, kc, 1};
}

// swapped_plan is the plan for what pack_swapped has made.
static panel_plan swapped_plan(const worker *w, const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t kw) {
	return (panel_plan){x, isa->mr * kw + GEMM_PAD, 1, isa->mr, isa->mr, SWAPPED_KC, g->n > 16 * w->n * isa->nr ? 4 : 1};
}

// turn_all moves the finished chains of outs outputs of the first rows into y, or with `back` y into them.
static void turn_all(const gemm_args *g, const gemm_isa *isa, int64_t o, int64_t outs, int64_t rows, float *part, int back) {
	const int64_t size = dt_size(g->c_type);
	for (int64_t i = 0; i < outs; i += 16)
		isa->turn(part + i * TURN_ROWS, TURN_ROWS, (int)at_most(16, outs - i), (int)rows, (char *)g->c + (o + i) * size, g->ldc, g->c_type, back);
}

// through_part is a tile of outputs o to o+outs of the first rows; part: [outs, TURN_ROWS] holds their chains, also between
// chunks of k.
static void through_part(const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t kw, int64_t o, int outs, int64_t rows, float *part) {
	const int64_t nr = isa->nr, w_ld = row_words(&g->b);
	gemm_tile *run = (g->b.type == DT_BF16 ? isa->bf16 : isa->f32)[outs];
	for (int64_t k = 0; k < kw || k == 0; k += CHUNK) {
		for (int64_t r = 0; r < rows; r += nr) {
			gemm_io io = {.a_rs = w_ld, .a_ks = 1, .b_ks = nr, .out = part + r, .out_ld = TURN_ROWS, .out_type = DT_F32};
			io.cols = (int)at_most(nr, rows - r);
			// The rows after these, shared out among the tiles of these.
			const int64_t ahead = outs * w_ld * 4 / ((rows + nr - 1) / nr) / kw;
			io.ask[0] = (gemm_ask){(const char *)(row_of(&g->b, o) + outs * w_ld) + (r / nr * kw + k) * ahead, ahead, CHUNK};
			if (k > 0 || g->accumulate || g->bias) io.in = io.out, io.in_ld = TURN_ROWS, io.in_type = DT_F32;
			run(at_most(CHUNK, kw - k), row_of(&g->b, o) + k, x + r * kw + k * nr, &io);
		}
	}
}

// through_registers is outputs o to o+outs of the last rows, at most GEMM_TURNED of them, straight into y.
static void through_registers(const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t kw, int64_t o, int outs, int64_t first) {
	const int64_t w_ld = row_words(&g->b);
	gemm_io io = start_of(g, o);
	io.out = (char *)io.out + first * io.out_ld * dt_size(io.out_type);
	if (io.in_ld) io.in = io.out;
	io.a_rs = w_ld, io.a_ks = 1, io.b_ks = isa->nr, io.cols = (int)(g->m - first);
	io.ask[0] = (gemm_ask){(const char *)(row_of(&g->b, o) + outs * w_ld), outs * 4, kw};
	(g->b.type == DT_BF16 ? isa->bf16_turned : isa->f32_turned)[outs](kw, row_of(&g->b, o), x + first * kw, &io);
}

// turned_block is outputs o to o+outs, several tiles of them.
static void turned_block(const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t kw, int64_t o, int64_t outs, float *part) {
	const int64_t rest = g->m % isa->nr, rows = rest <= GEMM_TURNED ? g->m - rest : g->m;
	if (rows > 0) {
		if (g->accumulate) turn_all(g, isa, o, outs, rows, part, 1);
		else if (g->bias) {
			for (int64_t i = 0; i < outs; i++) {
				for (int64_t r = 0; r < rows; r++) part[i * TURN_ROWS + r] = g->bias[o + i];
			}
		}
		for (int64_t i = 0; i < outs; i += isa->mr)
			through_part(g, isa, x, kw, o + i, (int)at_most(isa->mr, outs - i), rows, part + i * TURN_ROWS);
		turn_all(g, isa, o, outs, rows, part, 0);
	}
	for (int64_t i = 0; rows < g->m && i < outs; i += GEMM_TURNED)
		through_registers(g, isa, x, kw, o + i, (int)at_most(GEMM_TURNED, outs - i), rows);
}

// turned is the way for up to TURN_ROWS rows. The outputs of eight tiles fill whole cache lines of y; where there are few,
// a piece is one tile, so that every thread has some.
static void turned(worker *w, const gemm_args *g, const gemm_isa *isa, const uint32_t *x, int64_t kw) {
	const int64_t large = 8 * isa->mr, small = g->m <= GEMM_TURNED ? GEMM_TURNED : isa->mr, piece = g->n >= 4 * w->n * large ? large : small;
	int64_t from, to;
	while (team_claim(w, OUTS_PHASE, (g->n + piece - 1) / piece, 1, &from, &to))
		turned_block(g, isa, x, kw, from * piece, at_most(piece, g->n - from * piece), team_scratch(w));
}

// pack_swapped packs A as panels of mr rows, GEMM_PAD words apart: another thread's may be packed already.
static void pack_swapped(worker *w, const gemm_args *g, const gemm_isa *isa, uint32_t *x, int64_t kw) {
	const int64_t mr = isa->mr, panels = (g->m + mr - 1) / mr;
	int64_t from, to;
	while (team_claim(w, ROWS_PHASE, panels, 1, &from, &to))
		isa->pack_a(x + from * (mr * kw + GEMM_PAD), &g->a, from * mr, at_most(mr, g->m - from * mr), g->k, 0, kw, WORD_SWAPPED);
	team_barrier(w);
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
	const int near = g->n * kw * 4 <= NEAR_BYTES;
	const int64_t most = isa->turn ? (near ? TURN_NEAR : TURN_ROWS) : words == WORD_SWAPPED ? GEMM_SWAPPED : GEMM_FEW;
	if (!isa->f32_few || g->m > most || g->b.ks != 1 || g->a.ks != 1) return 0;
	if (words == WORD_SWAPPED && isa->turn) return 0; // squares and panels take pairs apart
	if (!gemm_in_place(&g->b, g->k, bf16 ? WORD_PAIR : WORD_F32)) return 0;
	if ((g->m + isa->nr) * kw * 4 > TEAM_SHARED) return 0;
	uint32_t *x = team_shared(w);
	if (words == WORD_SWAPPED && g->m > GEMM_FEW) {
		const panel_plan plan = swapped_plan(w, g, isa, x, kw);
		pack_swapped(w, g, isa, x, kw);
		panels(w, g, isa, &plan, kw);
		return 1;
	}
	// Rows a multiple of 2 KiB apart share too few places of the first cache for four visits to each line; of 1 KiB, for 32 of
	// them beside more than a few rows of A.
	const int64_t apart = row_words(&g->b);
	const int close = near && apart % 512 != 0, square = !isa->turn || g->m <= (bf16 && near && apart % 256 == 0 ? SQUARE_ROWS : GEMM_FEW);
	const int in_panels = !square && bf16 && g->m <= (near ? PANEL_NEAR : PANEL_ROWS);
	if (!square && !in_panels) {
		pack_rows(w, g, isa, words, x, kw, 1);
		turned(w, g, isa, x, kw);
		return 1;
	}
	int64_t x_ld = kw;
	if (gemm_in_place(&g->a, g->k, words)) {
		x = (uint32_t *)g->a.p;
		x_ld = row_words(&g->a);
	} else {
		pack_rows(w, g, isa, words, x, kw, 0);
	}
	gemm_few *few = bf16 ? isa->bf16_few : isa->f32_few, *of_near = !close ? NULL : bf16 ? isa->bf16_near : isa->f32_near;
	const panel_plan plan = plan_of(g, isa, x, x_ld, kw);
	if (square) squares(w, g, few, of_near, bf16 ? isa->bf16_outs : 16, x, x_ld, kw);
	else panels(w, g, isa, &plan, kw);
	return 1;
}
