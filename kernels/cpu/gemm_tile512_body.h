// The AVX-512 register tile: 14 rows × 32 columns are 28 accumulators; two vectors of b and one broadcast of a fill the rest.
// DOT(c, a, b) is one step of the chain: an fma, or the bf16 dot product.

#define NAME_(name, rows) name##_##rows
#define NAME(name, rows) NAME_(name, rows)

static inline __attribute__((always_inline)) void TILE(const int rows, int64_t kw, const uint32_t *a, const uint32_t *b,
                                                       const gemm_io *io) {
	__mmask16 m0 = mask16(io->cols), m1 = mask16(io->cols - 16);
	__m512 c0[GEMM_MAX_ROWS], c1[GEMM_MAX_ROWS];
#pragma GCC unroll 14
	for (int r = 0; r < rows; r++) tile_start(io, r, m0, m1, &c0[r], &c1[r]);
	// Row r of a is at q[r/4] + (r%4)·s: four pointers and two strides stay in registers, fourteen pointers would not.
	const int64_t s = io->a_rs * 4, s3 = 3 * s, step = io->a_ks * 4, b_ks = io->b_ks;
	const char *q[4];
#pragma GCC unroll 4
	for (int r = 0; r < 4; r++) q[r] = (const char *)a + 4 * r * s;
	for (int64_t k = 0; k < kw; k++, b += b_ks) {
		__m512 b0 = _mm512_loadu_ps(b), b1 = _mm512_loadu_ps(b + 16);
#pragma GCC unroll 14
		for (int r = 0; r < rows; r++) {
			const char *p = q[r / 4];
			__m512 x = _mm512_set1_ps(*(const float *)(r % 4 == 0 ? p : r % 4 == 1 ? p + s : r % 4 == 2 ? p + 2 * s : p + s3));
			c0[r] = DOT(c0[r], x, b0);
			c1[r] = DOT(c1[r], x, b1);
		}
#pragma GCC unroll 4
		for (int r = 0; r < 4; r++) q[r] += step;
	}
#pragma GCC unroll 14
	for (int r = 0; r < rows; r++) tile_finish(io, r, m0, m1, c0[r], c1[r]);
}

#define ROWS(r) \
	static void NAME(TILE, r)(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { TILE(r, kw, a, b, io); }
ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)

static gemm_tile *NAME(TILE, table)[GEMM_MAX_ROWS + 1] = {
	0,
	NAME(TILE, 1), NAME(TILE, 2), NAME(TILE, 3), NAME(TILE, 4), NAME(TILE, 5), NAME(TILE, 6), NAME(TILE, 7),
	NAME(TILE, 8), NAME(TILE, 9), NAME(TILE, 10), NAME(TILE, 11), NAME(TILE, 12), NAME(TILE, 13), NAME(TILE, 14),
};

#undef ROWS
#undef NAME
#undef NAME_
#undef TILE
#undef DOT
