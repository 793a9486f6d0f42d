// The blocking of the matrix product: see gemm.h for the method.
#include "gemm.h"

#include <string.h>

#include "bf16.h"

enum {
	PACK_PHASE,
	JOB_PHASE,
	BLOCK_BYTES = GEMM_KC * GEMM_NC * 4,
	FEW_ROWS = 128,      // of A, up to which B is not worth packing, nor cutting into blocks
	SHORT_WORDS = 320,   // of k, up to which the output costs more to move than the operands
	SHORT_COLUMNS = 512, // of a block of B then, which the second cache shall hold
	SAME_SET_ROWS = 7,   // lines that the first cache holds of addresses 4 KiB apart, less one
	WORDS_AHEAD = 24,    // steps of k between asking for a line of B and its use
	NEAR_WORDS = 32768,  // of packed A, which stay in the second cache beside the rest
};
_Static_assert(BLOCK_BYTES + (long)GEMM_PAD * 4 <= TEAM_SHARED / 2 + 4096, "a block of B fills half of the shared buffer");
_Static_assert(NEAR_WORDS <= GEMM_MC * GEMM_KC && (GEMM_MC * GEMM_KC + GEMM_PAD) * 4 <= TEAM_SCRATCH, "a job's rows of A fit the scratch");

// blocks is the plan of one product; every thread makes the same one.
typedef struct {
	const gemm_args *g;
	const gemm_isa *isa;
	gemm_tile **tiles;
	int words;
	int64_t mr;             // rows of a tile
	int64_t kw, kc, nc;     // words of k, in a block; columns in a block
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
	p.kw = gemm_words(g->k, p.words);
	p.kc = even(p.kw, GEMM_KC, 16);
	p.b = team_shared(w);
	p.a_direct = g->a.ks == 1 && gemm_in_place(&g->a, g->k, p.words);
	// Rows that lie a multiple of 4 KiB apart fight for the same lines of the first cache: fewer of them at a time. (Packing
	// them instead took a tenth of a product with 200 columns, all of it waiting for memory.)
	p.mr = p.a_direct && g->a.rs * dt_size(g->a.type) % 4096 == 0 ? at_most(isa->mr, SAME_SET_ROWS) : isa->mr;
	const int narrow = p.a_direct && p.kw <= SHORT_WORDS && g->m > FEW_ROWS;
	p.nc = even(g->n, narrow ? SHORT_COLUMNS : GEMM_NC, isa->nr);
	// Columns of B are worth packing when many rows use them.
	p.b_direct = g->b.rs == 1 && g->b.ks != 1 && gemm_in_place(&g->b, g->k, p.words) && g->m <= FEW_ROWS;
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

// pack_block packs the place's columns of B, shared out by panels.
static void pack_block(worker *w, const blocks *p, const place *at) {
	const int64_t nr = p->isa->nr, first = p->b_direct ? at->n / nr : 0, panels = ceil_div(at->n, nr) - first;
	const int64_t grain = panels > 16 * w->n ? 8 : panels > 4 * w->n ? 2 : 1;
	int64_t from, to;
	while (team_claim(w, PACK_PHASE, panels, grain, &from, &to)) {
		int64_t n0 = (first + from) * nr, n = at_most((first + to) * nr, at->n) - n0;
		p->isa->pack_b(p->b + n0 * at->w, &p->g->b, at->n0 + n0, n, p->g->k, at->w0, at->w, p->words);
	}
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

// work is one job on rows i0 to i0+m of the place.
typedef struct {
	const blocks *p;
	const place *at;
	gemm_io all; // of element (0, 0) of the place
	const uint32_t *a;
	int64_t row, i0, m; // row: words from a row of A to the next
} work;

// tile_out is where the outputs of the tile at row i, panel j begin.
static char *tile_out(const work *k, int64_t i, int64_t j) {
	return (char *)k->all.out + ((k->i0 + i) * k->all.out_ld + j * k->p->isa->nr) * dt_size(k->all.out_type);
}

// spot is a tile's place in a job: row i of the job's rows, panel j.
typedef struct {
	int64_t i, j;
} spot;

// fetch asks for the outputs of a tile at once.
static inline void fetch(const work *k, spot at) {
	const char *out = tile_out(k, at.i, at.j);
	const int64_t ld = k->all.out_ld * dt_size(k->all.out_type);
	for (int64_t r = 0; r < k->p->mr; r++) {
		__builtin_prefetch(out + r * ld);
		__builtin_prefetch(out + r * ld + 64);
	}
}

// tile runs one register tile, and asks for what the tile at `next` needs, so that it arrives while this one is at work. Where
// k has few steps that is its outputs, a row a step: all at once they would wait for one another, and this tile for them
// (weight gradient of 64 rows, 32,000 × 288 in bf16: 113 → 177 GFLOP/s).
static inline void tile(const work *k, spot now, spot next) {
	const blocks *p = k->p;
	const place *at = k->at;
	const int64_t nr = p->isa->nr;
	const int direct = p->b_direct && (now.j + 1) * nr <= at->n;
	const uint32_t *b = direct ? words_at(&p->g->b, at->n0 + now.j * nr, at->w0) : p->b + now.j * nr * at->w;
	if (p->g->b_packed) b = p->g->b_packed + (at->n0 + now.j * nr) * p->kw + at->w0 * nr;
	gemm_io io = k->all;
	io.in = io.in ? (const char *)io.in + ((k->i0 + now.i) * io.in_ld + now.j * nr) * dt_size(io.in_type) : NULL;
	io.out = tile_out(k, now.i, now.j);
	io.cols = (int)at_most(nr, at->n - now.j * nr);
	io.b_ks = direct ? p->g->b.ks : nr;
	if (p->kw <= SHORT_WORDS) {
		io.next = tile_out(k, next.i, next.j);
		io.next_step = io.out_ld * dt_size(io.out_type);
		io.next_words = at_most(p->mr, k->m - next.i) - 1;
	} else {
		fetch(k, next);
		io.next = b + WORDS_AHEAD * io.b_ks;
		io.next_step = io.b_ks * 4;
		io.next_words = at->w;
	}
	p->tiles[at_most(p->mr, k->m - now.i)](at->w, k->a + now.i * k->row, b, &io);
}

// job runs the register tiles. Panel by panel, so that a panel of B stays near; but with few steps of k row by row, so that
// the outputs stream by, whole lines of memory after one another: it is worth a tenth of the products with a vocabulary.
static void job(const blocks *p, const place *at, const uint32_t *a, int64_t i0, int64_t m, int64_t j0, int64_t j1) {
	work k = {p, at, edges(p, at), a, p->a_direct ? gemm_words(p->g->a.rs, p->words) : at->w, i0, m};
	k.all.a_rs = p->a_direct ? k.row : 1;
	k.all.a_ks = p->a_direct ? 1 : p->isa->mr;
	const int rows_first = p->kw <= SHORT_WORDS;
	for (spot now = {0, j0}, next; now.i < m && now.j < j1; now = next) {
		if (rows_first) next = now.j + 1 < j1 ? (spot){now.i, now.j + 1} : (spot){now.i + p->mr, j0};
		else next = now.i + p->mr < m ? (spot){now.i + p->mr, now.j} : (spot){0, now.j + 1};
		tile(&k, now, next.i < m && next.j < j1 ? next : now);
	}
}

// multiply shares the place out: jobs of some rows × some panels, enough of them that no thread waits long for another.
static void multiply(worker *w, const blocks *p, const place *at) {
	const int64_t mr = p->mr, panels = ceil_div(at->n, p->isa->nr), want = w->n > 1 ? 4 * w->n : 1;
	// With few steps of k many rows of A fit: A's columns are read in long pieces then.
	const int64_t most = p->a_direct || at->w == 0 ? GEMM_MC : NEAR_WORDS / at->w > GEMM_MC ? NEAR_WORDS / at->w : GEMM_MC;
	const int64_t mc = even(at->m, most / mr * mr, mr), rows = ceil_div(at->m, mc);
	const int64_t cols = at_most(ceil_div(want, rows), panels), wide = ceil_div(panels, cols);
	uint32_t *a = team_scratch(w);
	int64_t packed = -1, from, to;
	while (team_claim(w, JOB_PHASE, rows * cols, 1, &from, &to)) {
		int64_t i = from / cols, j = from % cols, m = at_most(mc, at->m - i * mc);
		const uint32_t *rows_of_a = a;
		if (p->a_direct) rows_of_a = words_at(&p->g->a, at->m0 + i * mc, at->w0);
		else if (i != packed) p->isa->pack_a(a, &p->g->a, at->m0 + i * mc, m, p->g->k, at->w0, at->w, p->words);
		packed = i;
		job(p, at, rows_of_a, i * mc, m, j * wide, at_most((j + 1) * wide, panels));
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
	if (!g->b_packed && gemm_run_few(w, g, isa)) return;
	for (int64_t m0 = 0; m0 < g->m; m0 += p.strip) {
		for (int64_t n0 = 0; n0 < g->n; n0 += p.nc) {
			int64_t w0 = 0;
			do { // at least once: without any k the output is its start
				place at = {m0, at_most(p.strip, g->m - m0), n0, at_most(p.nc, g->n - n0), w0, at_most(p.kc, p.kw - w0)};
				if (!g->b_packed) {
					pack_block(w, &p, &at);
					team_barrier(w);
					if (w->tid == 0) team_rewind(w, PACK_PHASE);
				}
				multiply(w, &p, &at);
				team_barrier(w);
				if (w->tid == 0) team_rewind(w, JOB_PHASE);
			} while ((w0 += p.kc) < p.kw);
		}
	}
}
