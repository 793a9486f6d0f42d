// The matrix product in portable C. fmaf rounds once whatever the compiler's flags are, so the bits equal those of the
// vector variants; it is slow (a library call on x86) and there for processors without AVX2 and for tests.
#include <math.h>

#include "gemm_word.h"


enum { ROWS = 4, COLS = 8 };

static float start_at(const gemm_io *io, int r, int c) {
	int64_t at = r * io->in_ld + c;
	if (!io->in) return 0;
	return io->in_type == DT_F32 ? ((const float *)io->in)[at] : float_of_bf16(((const uint16_t *)io->in)[at]);
}

static void tile(int rows, int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) {
	float acc[ROWS][COLS] = {{0}};
	for (int r = 0; r < rows; r++) {
		for (int c = 0; c < io->cols; c++) acc[r][c] = start_at(io, r, c);
	}
	for (int64_t k = 0; k < kw; k++) {
		for (int r = 0; r < rows; r++) {
			for (int c = 0; c < COLS; c++)
				acc[r][c] = fmaf(float_of_bits(a[r * io->a_rs + k * io->a_ks]), float_of_bits(b[k * io->b_ks + c]), acc[r][c]);
		}
	}
	for (int r = 0; r < rows; r++) {
		for (int c = 0; c < io->cols; c++) {
			int64_t at = r * io->out_ld + c;
			if (io->out_type == DT_F32) ((float *)io->out)[at] = acc[r][c];
			else ((uint16_t *)io->out)[at] = bf16_of_float(acc[r][c]);
		}
	}
}

static void tile_1(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { tile(1, kw, a, b, io); }
static void tile_2(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { tile(2, kw, a, b, io); }
static void tile_3(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { tile(3, kw, a, b, io); }
static void tile_4(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { tile(4, kw, a, b, io); }

static gemm_tile *tiles[ROWS + 1] = {0, tile_1, tile_2, tile_3, tile_4};

static void pack(uint32_t *out, int64_t width, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0,
                 int64_t kw, int words) {
	for (int64_t p = 0; p < rows; p += width) {
		for (int64_t j = 0; j < kw; j++) {
			for (int64_t i = p; i < p + width; i++) *out++ = i < rows ? gemm_word(x, i0 + i, k, w0 + j, words) : 0;
		}
	}
}

static void pack_rows(uint32_t *out, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0, int64_t kw, int words) {
	pack(out, ROWS, x, i0, rows, k, w0, kw, words);
}

static void pack_cols(uint32_t *out, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0, int64_t kw, int words) {
	pack(out, COLS, x, i0, rows, k, w0, kw, words);
}

const gemm_isa gemm_generic = {ROWS, COLS, WORD_SWAPPED, tiles, tiles, pack_rows, pack_cols};
