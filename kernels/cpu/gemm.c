// The blocking of the matrix product: see gemm.h for the method.
#include "gemm.h"

#include <string.h>

#include "bf16.h"
#include "gemm_ask.h"

enum {
	PACK_PHASE,
	JOB_PHASE,
	BLOCK_BYTES = GEMM_KC * GEMM_NC * 4,
	FIRST_ALL = 256,     // rows up to which all of them meet a panel of B when it is packed, and it is packed nowhere else
	FIRST_ROWS = 56,     // rows that do where there are more: while they are at work the next panel is asked for
	FIRST_SHORT = 14,    // the same with few steps of k, where outputs had better be written in long rows
	FEW_ROWS = 128,      // of A, up to which B is not worth packing, nor cutting into blocks
	SHORT_WORDS = 320,   // of k, up to which the output costs more to move than the operands
	SHORT_COLUMNS = 512, // of a block of B then, which the second cache shall hold
	SAME_SET_ROWS = 7,   // lines that the first cache holds of addresses 4 KiB apart, less one
	WORDS_AHEAD = 24,    // steps of k between asking for a line of B and its use
	NEAR_WORDS = 32768,  // of packed A, which stay in the second cache beside the rest
	A_WORDS = (FIRST_ALL + GEMM_MAX_ROWS) * GEMM_KC + GEMM_PAD, // of a thread's scratch for packed rows of A
	PANEL_WORDS = GEMM_MAX_COLS * GEMM_KC + GEMM_PAD,           // and behind them for a panel of B
};
_Static_assert(BLOCK_BYTES + (long)GEMM_PAD * 4 <= TEAM_SHARED / 2 + 4096, "a block of B fills half of the shared buffer");
_Static_assert(GEMM_MC <= (int)FIRST_ALL && NEAR_WORDS <= A_WORDS, "a job's rows of A fit");
_Static_assert((A_WORDS + PANEL_WORDS) * 4L <= TEAM_SCRATCH, "rows of A and a panel of B fit the scratch");

// blocks is the plan of one product; every thread makes the same one.
typedef struct {
	const gemm_args *g;
	const gemm_isa *isa;
	gemm_tile **tiles;      // by rows
	gemm_tile *busy;        // of mr rows; or NULL
	int words;
	int64_t mr;             // rows of a tile
	int64_t kw, kc, nc;     // words of k, in a block; columns in a block
	int64_t first;          // rows of a place that meet a panel of B when it is packed
	int64_t strip;          // rows that go through all blocks of k before the next ones
	int a_direct, b_direct; // read in place, without packing (of B: the panels that are full)
	uint32_t *b;            // packed block of B: panels [kc][nr]
	float *partial;         // [strip, nc]: unfinished chains of a bf16 output; NULL where C itself holds them
} blocks;

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

// even cuts total into equal pieces of at most limit, each a multiple of unit, and returns their length.
static int64_t even(int64_t total, int64_t limit, int64_t unit) {
	int64_t pieces = ceil_div(total, limit);
	return pieces ? ceil_div(ceil_div(total, pieces), unit) * unit : unit;
}

int gemm_in_place(const gemm_operand *x, int64_t k, int words) {
	if (words == WORD_F32) return x->type == DT_F32;
	return words == WORD_PAIR && x->type == DT_BF16 && x->ks == 1 && k % 2 == 0;
}

static blocks plan(worker *w, const gemm_args *g, const gemm_isa *isa) {
	blocks p = {.g = g, .isa = isa, .words = g->math == DT_BF16 ? isa->words : WORD_F32, .strip = g->m};
	p.tiles = p.words == WORD_PAIR ? isa->bf16 : isa->f32;
	gemm_tile *const *busy = p.words == WORD_PAIR ? isa->bf16_busy : isa->f32_busy;
	p.kw = gemm_words(g->k, p.words);
	p.kc = even(p.kw, GEMM_KC, 16);
	p.b = team_shared(w);
	p.a_direct = g->a.ks == 1 && gemm_in_place(&g->a, g->k, p.words);
	// Rows that lie a multiple of 4 KiB apart fight for the same lines of the first cache: fewer of them at a time. (Packing
	// them instead took a tenth of a product with 200 columns, all of it waiting for memory.)
	p.mr = p.a_direct && g->a.rs * dt_size(g->a.type) % 4096 == 0 ? at_most(isa->mr, SAME_SET_ROWS) : isa->mr;
	p.busy = busy[p.mr == isa->mr];
	const int narrow = p.a_direct && p.kw <= SHORT_WORDS && g->m > FEW_ROWS;
	p.nc = even(g->n, narrow ? SHORT_COLUMNS : GEMM_NC, isa->nr);
	// Columns of B are worth packing when many rows use them.
	p.b_direct = g->b.rs == 1 && g->b.ks != 1 && gemm_in_place(&g->b, g->k, p.words) && g->m <= FEW_ROWS;
	p.first = p.kw <= SHORT_WORDS ? FIRST_SHORT : g->m <= FIRST_ALL ? FIRST_ALL : FIRST_ROWS;
	if (g->b_packed) p.first = 0;
	if (g->c_type == DT_BF16 && p.kc < p.kw) {
		p.partial = (float *)((char *)p.b + TEAM_SHARED / 2 + 4096);
		int64_t rows = (TEAM_SHARED / 2 - 4096) / 4 / p.nc;
		p.strip = even(g->m, rows / GEMM_MAX_ROWS * GEMM_MAX_ROWS, 1);
	}
	return p;
}

// place is one block: rows m0.., columns n0.., words w0.. .
typedef struct {
	int64_t m0, m, n0, n, w0, w;
} place;

// words_at is word w of row i of an operand that is read in place.
static const uint32_t *words_at(const gemm_operand *x, int64_t i, int64_t w) {
	if (x->type == DT_F32) return (const uint32_t *)x->p + i * x->rs + w * x->ks;
	return (const uint32_t *)((const uint16_t *)x->p + i * x->rs) + w; // pairs, along k
}

// edges says where the tiles of a place start from and end in; element (0, 0) of the place.
static gemm_io edges(const blocks *p, const place *at) {
	const gemm_args *g = p->g;
	int64_t size = dt_size(g->c_type);
	gemm_io io = {.out = (char *)g->c + (at->m0 * g->ldc + at->n0) * size, .out_ld = g->ldc, .out_type = g->c_type};
	if (at->w0 + at->w < p->kw && p->partial) io.out = p->partial, io.out_ld = p->nc, io.out_type = DT_F32;
	if (at->w0 > 0) {
		io.in = p->partial ? (void *)p->partial : io.out;
		io.in_ld = p->partial ? p->nc : g->ldc;
		io.in_type = DT_F32;
	} else if (g->accumulate) {
		io.in = (char *)g->c + (at->m0 * g->ldc + at->n0) * size;
		io.in_ld = g->ldc;
		io.in_type = g->c_type;
	} else if (g->bias) {
		io.in = g->bias + at->n0;
		io.in_type = DT_F32;
	}
	return io;
}

// work is one job: m rows of the place, from some row on.
typedef struct {
	const blocks *p;
	const place *at;
	int64_t m;
	const uint32_t *a, *b; // words of the first row, of the first panel
	int64_t a_row, panel;  // words from a row of A, from a panel of B to the next
	const char *in;        // NULL, or where the first row's chains begin
	char *out;
	int64_t in_row, in_panel, out_row, out_panel; // bytes from a row, from a panel to the next
	gemm_io io;            // of the tile that runs
} work;

// work_of is the job of m rows from row i0 of the place on, with A's words at a and the place's B at b.
static work work_of(const blocks *p, const place *at, int64_t i0, int64_t m, const uint32_t *a, const uint32_t *b) {
	work k = {.p = p, .at = at, .m = m, .a = a, .b = b, .io = edges(p, at)};
	const int64_t nr = p->isa->nr, in = dt_size(k.io.in_type), out = dt_size(k.io.out_type);
	k.a_row = p->a_direct ? gemm_words(p->g->a.rs, p->words) : at->w;
	k.panel = nr * at->w;
	if (p->g->b_packed) k.b = p->g->b_packed + at->n0 * p->kw + at->w0 * nr, k.panel = nr * p->kw;
	k.in_row = k.io.in_ld * in, k.in_panel = nr * in;
	k.out_row = k.io.out_ld * out, k.out_panel = nr * out;
	k.in = k.io.in ? (const char *)k.io.in + i0 * k.in_row : NULL;
	k.out = (char *)k.io.out + i0 * k.out_row;
	k.io.a_rs = p->a_direct ? k.a_row : 1;
	k.io.a_ks = p->a_direct ? 1 : p->isa->mr;
	k.io.ask[0].step = k.out_row;
	k.io.ask[2].words = at->w;
	return k;
}

// spot is a tile's place in a job: row i of the job's rows, panel j.
typedef struct {
	int64_t i, j;
} spot;

// tile runs one register tile. While it is at work it asks for the outputs of the tile at `next`, a row a step. If busy it
// then asks for `more`, and then for B's words some steps ahead; with few steps of k that would cost more than it brings.
static inline void tile(work *k, spot now, spot next, gemm_ask more, const int busy) {
	const blocks *p = k->p;
	const int64_t nr = p->isa->nr, cols = k->at->n - now.j * nr, rows = at_most(p->mr, k->m - now.i);
	const int direct = p->b_direct && cols >= nr, asks = busy && rows == p->mr && p->busy;
	const uint32_t *b = direct ? words_at(&p->g->b, k->at->n0 + now.j * nr, k->at->w0) : k->b + now.j * k->panel;
	gemm_io *io = &k->io;
	io->b_ks = direct ? p->g->b.ks : nr;
	if (k->in) io->in = k->in + now.i * k->in_row + now.j * k->in_panel;
	io->out = k->out + now.i * k->out_row + now.j * k->out_panel;
	io->cols = (int)at_most(nr, cols);
	io->ask[0].p = k->out + next.i * k->out_row + next.j * k->out_panel;
	io->ask[0].words = at_most(p->mr, k->m - next.i);
	if (asks) {
		io->ask[1] = more;
		io->ask[2].step = io->b_ks * 4;
		io->ask[2].p = (const char *)b + (WORDS_AHEAD + io->ask[0].words + more.words) * io->ask[2].step;
	}
	(asks ? p->busy : p->tiles[rows])(k->at->w, k->a + now.i * k->a_row, b, io);
}

// rows_of_a is where the words of rows i to i+m of the place are: in place, or packed into the thread's scratch.
static const uint32_t *rows_of_a(worker *w, const blocks *p, const place *at, int64_t i, int64_t m) {
	if (p->a_direct) return words_at(&p->g->a, at->m0 + i, at->w0);
	uint32_t *a = team_scratch(w);
	p->isa->pack_a(a, &p->g->a, at->m0 + i, m, p->g->k, at->w0, at->w, p->words);
	return a;
}

// pack_panel packs panel j of the place, if it is not read in place.
static void pack_panel(const work *k, int64_t j) {
	const blocks *p = k->p;
	const place *at = k->at;
	const int64_t nr = p->isa->nr, n = at_most(nr, at->n - j * nr);
	if (p->b_direct && n == nr) return;
	p->isa->pack_b((uint32_t *)k->b + j * k->panel, &p->g->b, at->n0 + j * nr, n, p->g->k, at->w0, at->w, p->words);
}

// panel_area is where panel j of the place lies before it is packed; nothing from panel `end` on.
static area panel_area(const work *k, int64_t j, int64_t end) {
	const int64_t nr = k->p->isa->nr, n = j < end ? at_most(nr, k->at->n - j * nr) : 0;
	return area_of(&k->p->g->b, k->at->n0 + j * nr, n, k->at->w0, k->at->w, k->p->words);
}

// meet packs the place's columns of B, shared out by panels. Each meets the first rows of A at once, and while it does, the next
// one is asked for: packing would wait for memory otherwise. Where no other rows come, a panel is packed over the one before.
static void meet(worker *w, const blocks *p, const place *at) {
	const int64_t mr = p->mr, panels = ceil_div(at->n, p->isa->nr), first = at_most(p->first, at->m), tiles = ceil_div(first, mr);
	const int64_t grain = w->n == 1 ? panels : panels > 16 * w->n ? 8 : panels > 4 * w->n ? 2 : 1;
	work k = {0};
	int64_t from, to;
	while (team_claim(w, PACK_PHASE, panels, grain, &from, &to)) {
		if (!k.p) k = work_of(p, at, 0, first, rows_of_a(w, p, at, 0, first), p->b);
		if (first == at->m) k.b = (uint32_t *)team_scratch(w) + A_WORDS, k.panel = 0;
		for (int64_t j = from; j < to; j++) {
			pack_panel(&k, j);
			asker more = ask_for(panel_area(&k, j + 1, to), tiles);
			for (int64_t i = 0; i < first; i += mr) {
				const spot next = i + mr < first ? (spot){i + mr, j} : (spot){0, at_most(j + 1, panels - 1)};
				tile(&k, (spot){i, j}, next, next_ask(&more), 1);
			}
		}
	}
}

// by_rows runs the tiles of panels j0 to j1 row by row: with few steps of k the outputs stream by, whole lines of memory after
// one another. It is worth a tenth of the products with a vocabulary.
static void by_rows(work *k, int64_t j0, int64_t j1) {
	const int64_t mr = k->p->mr;
	for (int64_t i = 0; i < k->m; i += mr) {
		for (int64_t j = j0; j < j1; j++) {
			const spot next = j + 1 < j1 ? (spot){i, j + 1} : i + mr < k->m ? (spot){i + mr, j0} : (spot){i, j};
			tile(k, (spot){i, j}, next, (gemm_ask){0}, 0);
		}
	}
}

// by_panels runs the tiles of panels j0 to j1 panel by panel, so that a panel of B stays near. Meanwhile it asks for an area.
static void by_panels(work *k, int64_t j0, int64_t j1, area ahead) {
	const int64_t mr = k->p->mr;
	asker more = ask_for(ahead, ceil_div(k->m, mr) * (j1 - j0));
	for (int64_t j = j0; j < j1; j++) {
		for (int64_t i = 0; i < k->m; i += mr) {
			const spot next = i + mr < k->m ? (spot){i + mr, j} : j + 1 < j1 ? (spot){0, j + 1} : (spot){i, j};
			tile(k, (spot){i, j}, next, next_ask(&more), 1);
		}
	}
}

// multiply shares out the rows that have not met B yet: jobs of some rows × some panels, enough of them that no thread waits
// long for another.
static void multiply(worker *w, const blocks *p, const place *at) {
	const int64_t mr = p->mr, panels = ceil_div(at->n, p->isa->nr), want = w->n > 1 ? 4 * w->n : 1;
	// With few steps of k many rows of A fit: A's columns are read in long pieces then.
	const int64_t most = p->a_direct || at->w == 0 ? GEMM_MC : NEAR_WORDS / at->w > GEMM_MC ? NEAR_WORDS / at->w : GEMM_MC;
	const int64_t left = at->m - p->first, mc = even(left, most / mr * mr, mr), rows = ceil_div(left, mc);
	const int64_t cols = rows ? at_most(ceil_div(want, rows), panels) : 0, wide = cols ? ceil_div(panels, cols) : 0;
	const uint32_t *a = NULL;
	int64_t packed = -1, from, to;
	while (team_claim(w, JOB_PHASE, rows * cols, 1, &from, &to)) {
		const int64_t i = from / cols, j0 = from % cols * wide, j1 = at_most(j0 + wide, panels);
		const int64_t i0 = p->first + i * mc, m = at_most(mc, at->m - i0), after = at_most(mc, at->m - i0 - m);
		if (i != packed) a = rows_of_a(w, p, at, i0, m);
		packed = i;
		work k = work_of(p, at, i0, m, a, p->b);
		if (p->kw <= SHORT_WORDS) by_rows(&k, j0, j1);
		else by_panels(&k, j0, j1, area_of(&p->g->a, at->m0 + i0 + m, after, at->w0, at->w, p->words));
	}
}

// bias_gradient is dbias[m] (+)= Σ_k A[m,k], one chain over k, each thread some of the rows. A's rows are neighbours.
static void bias_gradient(worker *w, const gemm_args *g) {
	int64_t from, to;
	team_split(w, g->m, 64, &from, &to);
	float *sum = g->dbias;
	if (!g->accumulate) memset(sum + from, 0, (size_t)(to - from) * sizeof *sum);
	for (int64_t k = 0; k < g->k; k++) {
		if (g->a.type == DT_F32) {
			const float *x = (const float *)g->a.p + k * g->a.ks;
			for (int64_t i = from; i < to; i++) sum[i] += x[i];
		} else {
			const uint16_t *x = (const uint16_t *)g->a.p + k * g->a.ks;
			for (int64_t i = from; i < to; i++) sum[i] += float_of_bf16(x[i]);
		}
	}
}

void gemm_run(worker *w, const gemm_args *g, const gemm_isa *isa) {
	blocks p = plan(w, g, isa);
	if (g->dbias) bias_gradient(w, g);
	// Words of swapped bf16 are twice as large as what they are made of: few rows wait for memory, and had better read that.
	const int unpacked = !g->b_packed || (p.words == WORD_SWAPPED && g->m <= GEMM_SWAPPED);
	if (unpacked && gemm_run_few(w, g, isa)) return;
	for (int64_t m0 = 0; m0 < g->m; m0 += p.strip) {
		for (int64_t n0 = 0; n0 < g->n; n0 += p.nc) {
			int64_t w0 = 0;
			do { // at least once: without any k the output is its start
				place at = {m0, at_most(p.strip, g->m - m0), n0, at_most(p.nc, g->n - n0), w0, at_most(p.kc, p.kw - w0)};
				if (!g->b_packed) {
					meet(w, &p, &at);
					team_barrier(w);
					if (w->tid == 0) team_rewind(w, PACK_PHASE);
				}
				if (p.first < at.m) multiply(w, &p, &at);
				team_barrier(w); // also where nobody multiplied: the phases are at 0 when the next claim comes
				if (w->tid == 0) team_rewind(w, JOB_PHASE);
			} while ((w0 += p.kc) < p.kw);
		}
	}
}
