// The AVX-512 register tile: 14 rows × 32 columns are 28 accumulators; two vectors of b and one broadcast of a fill the rest.
// The turned tile has 16 rows × 16 columns, and its results leave as columns × rows. DOT(c, a, b) is one step of the chain: an
// fma, or the bf16 dot product.

#define NAME_(name, rows) name##_##rows
#define NAME(name, rows) NAME_(name, rows)

static inline __attribute__((always_inline)) void TILE(const int rows, const int turned, const int asks, int64_t kw, const uint32_t *a, const uint32_t *b,
                                                       const gemm_io *io) {
	const int wide = !turned;
	__mmask16 m0 = mask16(io->cols), m1 = mask16(io->cols - 16);
	__m512 c0[16], c1[16];
	const char *in = io->in;
	char *out = io->out;
	if (turned) {
		start_turned(c0, rows, io);
	} else if (!in) {
#pragma GCC unroll 16
		for (int r = 0; r < rows; r++) c0[r] = c1[r] = _mm512_setzero_ps();
	} else if (io->in_type == DT_F32) {
		START(DT_F32, 4)
	} else {
		START(DT_BF16, 2)
	}
	// Row r of a is at q[r/4] + (r%4)·s: four pointers and two strides stay in registers, fourteen pointers would not.
	const int64_t s = io->a_rs * 4, s3 = 3 * s, step = io->a_ks * 4, b_ks = io->b_ks;
	const char *q[4];
#pragma GCC unroll 4
	for (int r = 0; r < 4; r++) q[r] = (const char *)a + 4 * r * s;
	int64_t k = 0;
	for (int i = 0; i < asks; i++) {
		const char *next = io->ask[i].p;
		int64_t next_step = io->ask[i].step;
		// The last thing's last line is repeated; another loop without asking would cost a tile of few steps 1 %.
		const int64_t last = io->ask[i].words - 1, end = i == asks - 1 ? kw : at_most(kw, k + io->ask[i].words);
		for (; k < end; k++, b += b_ks, next += next_step) {
			__builtin_prefetch(next);
			if (wide) __builtin_prefetch(next + 64);
			if (asks == 1) next_step = k < last ? next_step : 0;
			__m512 b0 = _mm512_loadu_ps(b), b1 = wide ? _mm512_loadu_ps(b + 16) : b0;
#pragma GCC unroll 16
			for (int r = 0; r < rows; r++) {
				const char *p = q[r / 4];
				__m512 x = _mm512_set1_ps(*(const float *)(r % 4 == 0 ? p : r % 4 == 1 ? p + s : r % 4 == 2 ? p + 2 * s : p + s3));
				c0[r] = DOT(c0[r], x, b0);
				if (wide) c1[r] = DOT(c1[r], x, b1);
			}
#pragma GCC unroll 4
			for (int r = 0; r < 4; r++) q[r] += step;
		}
	}
	if (turned) {
		finish_turned(c0, rows, io);
	} else if (io->out_type == DT_F32) {
		FINISH(DT_F32, 4)
	} else {
		FINISH(DT_BF16, 2)
	}
}

#define ROWS(r)                                                                                   \
	static void NAME(TILE, r)(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { \
		TILE(r, 0, 1, kw, a, b, io);                                                                     \
	}
#define TURNED(r)                                                                                               \
	static void NAME(NAME(TILE, turned), r)(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { \
		TILE(r, 1, 1, kw, a, b, io);                                                                                   \
	}
#define BUSY(r)                                                                                               \
	static void NAME(NAME(TILE, busy), r)(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { \
		TILE(r, 0, GEMM_ASKS, kw, a, b, io);                                                                       \
	}
ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
BUSY(7) BUSY(14)
TURNED(1) TURNED(2) TURNED(3) TURNED(4) TURNED(5) TURNED(6) TURNED(7) TURNED(8)
TURNED(9) TURNED(10) TURNED(11) TURNED(12) TURNED(13) TURNED(14) TURNED(15) TURNED(16)

#define LIST(t) 0, NAME(t, 1), NAME(t, 2), NAME(t, 3), NAME(t, 4), NAME(t, 5), NAME(t, 6), NAME(t, 7), \
	NAME(t, 8), NAME(t, 9), NAME(t, 10), NAME(t, 11), NAME(t, 12), NAME(t, 13), NAME(t, 14)
static gemm_tile *NAME(TILE, table)[] = {LIST(TILE)};
static gemm_tile *NAME(NAME(TILE, turned), table)[] = {LIST(NAME(TILE, turned)), NAME(NAME(TILE, turned), 15), NAME(NAME(TILE, turned), 16)};

// The product of up to FEW rows with 16 rows of w that lie along k: 16 × 16 words of w are transposed in registers and meet
// each row of x once. x: [rows, kw] words, x_ld apart; w: 16 rows, w_ld apart.
static inline __attribute__((always_inline)) void NAME(TILE, rows)(const int rows, int64_t kw, const uint32_t *x, int64_t x_ld,
                                                                   const uint32_t *w, int64_t w_ld, int have, const gemm_io *io) {
	__mmask16 m0 = mask16(have);
	__m512 c[GEMM_FEW];
	const char *in = io->in;
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		c[r] = !in ? _mm512_setzero_ps() : io->in_type == DT_F32 ? start16(in + r * io->in_ld * 4, DT_F32, m0) : start16(in + r * io->in_ld * 2, DT_BF16, m0);
	}
	// Asking ahead: short rows, for the same place 16 rows on; long ones, for the same row a few lines on.
	const int64_t ahead = kw <= 1024 ? 16 * w_ld : 96;
	for (int64_t k = 0; k < kw; k += 16) {
		__mmask16 mk = mask16(kw - k);
		for (int i = 0; i < 16; i++) __builtin_prefetch(w + i * w_ld + k + ahead);
		__m512i v[16];
		for (int i = 0; i < 16; i++) v[i] = i < have ? _mm512_maskz_loadu_epi32(mk, w + i * w_ld + k) : _mm512_setzero_si512();
		vec_transpose(v);
		int64_t steps = kw - k < 16 ? kw - k : 16;
		if (steps == 16) {
#pragma GCC unroll 16
			for (int s = 0; s < 16; s++) {
#pragma GCC unroll 8
				for (int r = 0; r < rows; r++) c[r] = DOT(c[r], _mm512_set1_ps(*(const float *)(x + r * x_ld + k + s)), _mm512_castsi512_ps(v[s]));
			}
			continue;
		}
		for (int s = 0; s < steps; s++) {
#pragma GCC unroll 8
			for (int r = 0; r < rows; r++) c[r] = DOT(c[r], _mm512_set1_ps(*(const float *)(x + r * x_ld + k + s)), _mm512_castsi512_ps(v[s]));
		}
	}
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		if (io->out_type == DT_F32) finish16((char *)io->out + r * io->out_ld * 4, DT_F32, m0, c[r]);
		else finish16((char *)io->out + r * io->out_ld * 2, DT_BF16, m0, c[r]);
	}
}

static void NAME(TILE, few)(int rows, int64_t kw, const uint32_t *x, int64_t x_ld, const uint32_t *w, int64_t w_ld, int have, const gemm_io *io) {
	switch (rows) {
#define CASE(r) case r: have == 16 ? NAME(TILE, rows)(r, kw, x, x_ld, w, w_ld, 16, io) : NAME(TILE, rows)(r, kw, x, x_ld, w, w_ld, have, io); break;
	CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#undef CASE
	}
}

// The same for a near w (gemm_isa.f32_near): 16 × NEAR_GROUPS rows of it, turned a quarter at a time and never all in registers.
// Lines are asked for two squares ahead, at a row's end in the next rows of w.
static inline __attribute__((always_inline)) void NAME(TILE, close)(const int rows, int64_t kw, const uint32_t *x, int64_t x_ld,
                                                                    const uint32_t *w, int64_t w_ld, const gemm_io *io) {
	enum { G = NEAR_GROUPS, LINES = 16 * G, AHEAD = 32 };
	__m512 c[GEMM_FEW][G];
	const int64_t in_size = dt_size(io->in_type), out_size = dt_size(io->out_type);
#pragma GCC unroll 16
	for (int i = 0; i < rows * G; i++) {
		const char *in = (const char *)io->in + (i / G * io->in_ld + i % G * 16) * in_size;
		c[i / G][i % G] = !io->in ? _mm512_setzero_ps() : io->in_type == DT_F32 ? start16(in, DT_F32, 0xffff) : start16(in, DT_BF16, 0xffff);
	}
	int64_t k = 0;
	for (; k + 16 <= kw; k += 16) {
		const int64_t far = k + AHEAD < kw ? k + AHEAD : k + AHEAD - kw + LINES * w_ld;
		int64_t ld = w_ld;
		if (G > 1) __asm__("" : "+r"(ld)); // or gcc prepares 32 addresses, and keeps them on the stack: a tenth slower
#pragma GCC unroll 16
		for (int i = 0; i < 16 && G == 1; i++) __builtin_prefetch(w + i * w_ld + far);
#pragma GCC unroll 4
		for (int q = 0; q < 16; q += 4) {
#pragma GCC unroll 8
			for (int i = 0; i < LINES / 4 && G > 1; i++) __builtin_prefetch(w + (q * G + i) * w_ld + far); // 32 at once would queue
			vec v[G][4];
#pragma GCC unroll 2
			for (int g = 0; g < G; g++) quarter(v[g], (const char *)(w + 16 * g * ld + k + q), 4 * ld);
#pragma GCC unroll 4
			for (int s = 0; s < 4; s++) {
#pragma GCC unroll 8
				for (int r = 0; r < rows; r++) {
					const __m512 y = _mm512_set1_ps(*(const float *)(x + r * x_ld + k + q + s));
#pragma GCC unroll 2
					for (int g = 0; g < G; g++) c[r][g] = DOT(c[r][g], y, _mm512_castsi512_ps(v[g][s]));
				}
			}
		}
	}
#pragma GCC unroll 2
	for (int g = 0; g < G && k < kw; g++) {
		vec v[16];
		for (int i = 0; i < 16; i++) v[i] = _mm512_maskz_loadu_epi32(mask16(kw - k), w + (16 * g + i) * w_ld + k);
		vec_transpose(v);
		for (int s = 0; s < kw - k; s++) {
#pragma GCC unroll 8
			for (int r = 0; r < rows; r++) c[r][g] = DOT(c[r][g], _mm512_set1_ps(*(const float *)(x + r * x_ld + k + s)), _mm512_castsi512_ps(v[s]));
		}
	}
#pragma GCC unroll 16
	for (int i = 0; i < rows * G; i++) {
		char *out = (char *)io->out + (i / G * io->out_ld + i % G * 16) * out_size;
		if (io->out_type == DT_F32) finish16(out, DT_F32, 0xffff, c[i / G][i % G]);
		else finish16(out, DT_BF16, 0xffff, c[i / G][i % G]);
	}
}

static void NAME(TILE, near)(int rows, int64_t kw, const uint32_t *x, int64_t x_ld, const uint32_t *w, int64_t w_ld, int have, const gemm_io *io) {
	(void)have; // always all
	switch (rows) {
#define CASE(r) case r: NAME(TILE, close)(r, kw, x, x_ld, w, w_ld, io); break;
	CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#undef CASE
	}
}

#undef LIST
#undef BUSY
#undef TURNED
#undef ROWS
#undef NAME
#undef NAME_
#undef NEAR_GROUPS
#undef TILE
#undef DOT
