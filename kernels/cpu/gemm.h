// The matrix product of this package: C[m,n] = start + Σ_k A[m,k]·B[n,k], for the three shapes of a linear layer.
//
// Every output element is one chain over k, ascending, in one accumulator (the contract in kernels/linear.go). So a row's
// bits cannot depend on its neighbours, on the tile, or on the threads: only M and N are ever split, and where k is cut into
// blocks the chain goes on through C, whose f32 stores and loads are exact.
//
// Blocks (Goto and van de Geijn 2008, "Anatomy of High-Performance Matrix Multiplication"): all threads pack a block of B
// (GEMM_KC × up to GEMM_NC) into shared memory; then each thread claims jobs of MC rows × some columns, packs its rows of A
// into its own scratch, and runs the register tile over them.
//
// Everything packed is made of 32-bit words, one step of k each: an f32, or with the bf16 dot product a pair of bf16
// (element 2j low, 2j+1 high). Without that instruction bf16 elements are packed as f32 words with the two elements of each
// pair swapped, which makes the plain f32 tile run the very chain that the instruction runs.
#ifndef PRIMER_GEMM_H
#define PRIMER_GEMM_H

#include <stdint.h>

#include "team.h"

enum {
	GEMM_KC = 1024,     // words of k in a block, at most
	GEMM_NC = 3072,     // columns in a block, at most
	GEMM_MC = 168,      // rows in a job, at most (a multiple of every tile's rows)
	GEMM_FEW = 8,       // rows that a gemm_few takes, at most
	GEMM_SWAPPED = 32,  // rows up to which swapped words of bf16 are made where they are used
	GEMM_MAX_ROWS = 14,  // rows of the largest register tile
	GEMM_MAX_COLS = 32,  // its columns
	GEMM_TURNED = 16,    // rows and columns of a turned tile, at most
	GEMM_ASKS = 3,       // things that a tile asks for, at most
	GEMM_PAD = 64,       // words that packing may write past a panel's end
};

// An operand: element (i, k) lies at p[i·rs + k·ks]; rs or ks is 1.
typedef struct {
	const void *p;
	int64_t rs, ks;
	int type; // DT_F32 or DT_BF16
} gemm_operand;

// How words are made of elements.
enum { WORD_F32, WORD_PAIR, WORD_SWAPPED };

typedef struct {
	gemm_operand a, b; // [M,K], [N,K]
	void *c;           // [M,N], ldc elements from row to row
	int64_t m, n, k, ldc;
	const float *bias; // [N] or NULL
	const uint32_t *b_packed; // B as panels [k][nr] of all k, made by gemm_pack_all for this instruction set; or NULL
	float *dbias;      // [M] or NULL: += or = Σ_k A[m,k], in f32
	int c_type;        // DT_F32 or DT_BF16
	int math;          // DT_F32 or DT_BF16 products
	int accumulate;
} gemm_args;

// What a register tile asks for while it is at work, so that it lies near when it is needed: the two cache lines at p in one
// step of k, those step bytes on in the next, and so on for `words` steps.
typedef struct {
	const char *p;
	int64_t step, words;
} gemm_ask;

// Where a register tile finds its operands, its start values and its results.
typedef struct {
	int64_t a_rs, a_ks, b_ks; // strides in words; packed panels have 1, mr and nr
	const void *in; // NULL: zeros; DT_F32/DT_BF16: [rows, cols] with in_ld; in_ld = 0 repeats one row (bias)
	int64_t in_ld;
	void *out;
	int64_t out_ld;
	gemm_ask ask[GEMM_ASKS]; // one after another by busy tiles; others ask for the first only
	int in_type, out_type;
	int cols; // columns that exist, 1 to the tile's
} gemm_io;

// A register tile over kw words: word k of a's row r is a[r·a_rs + k·a_ks], of b's column c b[k·b_ks + c].
typedef void gemm_tile(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io);
// Packs rows i0 to i0+rows of an operand, words w0 to w0+kw, as panels [kw][width] one after another; the last one's missing
// rows become zeros.
typedef void gemm_pack(uint32_t *out, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0, int64_t kw, int words);

// Up to GEMM_FEW rows of x (kw words, x_ld apart) with `have` ≤ 16 rows of w that lie along k, w_ld 32-bit words apart: f32, or pairs
// of bf16 also where x has WORD_SWAPPED.
typedef void gemm_few(int rows, int64_t kw, const uint32_t *x, int64_t x_ld, const uint32_t *w, int64_t w_ld, int have, const gemm_io *io);
// Turns a tile [outs, rows], tile_ld apart, into y[rows, outs] of a dtype, or with `back` y into the tile.
typedef void gemm_turn(float *tile, int64_t tile_ld, int outs, int rows, void *y, int64_t ld, int type, int back);

// What one instruction set brings.
typedef struct {
	int mr, nr;        // register tile
	int words;         // how bf16 products are packed: WORD_PAIR or WORD_SWAPPED
	gemm_tile **f32;   // [mr+1] by rows
	gemm_tile **bf16;  // the same for WORD_PAIR
	gemm_pack *pack_a; // panels of mr
	gemm_pack *pack_b; // panels of nr
	// For few rows (gemm_few.c); all NULL where the instruction set has no such path, all but the two _few where it has squares only.
	gemm_tile **f32_turned, **bf16_turned; // [GEMM_TURNED+1] by rows: tiles of as many columns, whose output is [column, row]
	gemm_few *f32_few, *bf16_few;
	gemm_few *f32_near, *bf16_near; // for a w in the second cache, and always 16 rows of it in f32, bf16_outs in bf16
	int bf16_outs;
	gemm_turn *turn;
	// Tiles of mr/2 and of mr rows that ask for GEMM_ASKS things, or NULL; the others ask for one.
	gemm_tile *f32_busy[2], *bf16_busy[2];
} gemm_isa;

extern const gemm_isa gemm_generic, gemm_avx2, gemm_avx512, gemm_avx512bf16;

// gemm_run is the whole product; every thread of the team calls it.
void gemm_run(worker *w, const gemm_args *g, const gemm_isa *isa);

// gemm_run_few is gemm_run for few rows and a B that is read in place; 0: not its case, and nothing was done.
int gemm_run_few(worker *w, const gemm_args *g, const gemm_isa *isa);

// gemm_in_place reports whether the words of an operand can be read where its elements lie.
int gemm_in_place(const gemm_operand *x, int64_t k, int words);

// gemm_words returns the words that k elements make.
static inline int64_t gemm_words(int64_t k, int words) {
	return words == WORD_PAIR ? (k + 1) / 2 : words == WORD_SWAPPED ? (k + 1) / 2 * 2 : k;
}

#endif
