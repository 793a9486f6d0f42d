// The matrix product's register tile, packing and few rows for AVX2 with FMA: 6 rows × 16 columns are 12 accumulators.
#include "gemm_word.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c,bmi2")

enum { MR = 6, NR = 16 };

// Tile edges ------------------------------------------------------------------------------------------------------------

static inline __m256i mask8(int64_t n) {
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n < 0 ? 0 : n > 8 ? 8 : n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// load_halves loads n (at most 8) bf16 as bits in the low half of each lane; never past the last.
static inline __m256i load_halves(const uint16_t *p, int64_t n) {
	uint16_t edge[8] = {0};
	if (n < 8) {
		for (int64_t i = 0; i < n; i++) edge[i] = p[i];
		p = edge;
	}
	return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
}

static inline __m256i round_bf16(__m256i u) { // f32 bits to bf16 in the low half of each lane, nearest even
	__m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
	__m256i sum = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd);
	__m256i nan = _mm256_cmpgt_epi32(_mm256_and_si256(u, _mm256_set1_epi32(0x7fffffff)), _mm256_set1_epi32(0x7f800000));
	sum = _mm256_blendv_epi8(sum, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)), nan);
	return _mm256_srli_epi32(sum, 16);
}

static inline __m256 start8(const void *p, int type, int64_t at, int64_t n) {
	if (type == DT_F32) return _mm256_maskload_ps((const float *)p + at, mask8(n));
	return _mm256_castsi256_ps(_mm256_slli_epi32(load_halves((const uint16_t *)p + at, n), 16));
}

static inline void finish8(void *p, int type, int64_t at, int64_t n, __m256 c) {
	if (type == DT_F32) {
		_mm256_maskstore_ps((float *)p + at, mask8(n), c);
		return;
	}
	uint32_t words[8];
	_mm256_storeu_si256((__m256i *)words, round_bf16(_mm256_castps_si256(c)));
	for (int64_t i = 0; i < n && i < 8; i++) ((uint16_t *)p)[at + i] = (uint16_t)words[i];
}

static inline __attribute__((always_inline)) void tile(const int rows, const int asks, int64_t kw, const uint32_t *a, const uint32_t *b,
                                                       const gemm_io *io) {
	// Whole rows go without masks: a store under a mask takes dozens of cycles on some processors (Zen).
	const int whole = io->cols == NR;
	__m256 c0[MR], c1[MR];
	if (!io->in) {
#pragma GCC unroll 6
		for (int r = 0; r < rows; r++) c0[r] = c1[r] = _mm256_setzero_ps();
	} else if (whole && io->in_type == DT_F32) {
		const float *in = io->in;
#pragma GCC unroll 6
		for (int r = 0; r < rows; r++, in += io->in_ld) c0[r] = _mm256_loadu_ps(in), c1[r] = _mm256_loadu_ps(in + 8);
	} else {
#pragma GCC unroll 6
		for (int r = 0; r < rows; r++) {
			c0[r] = start8(io->in, io->in_type, r * io->in_ld, io->cols);
			c1[r] = start8(io->in, io->in_type, r * io->in_ld + (io->cols > 8 ? 8 : 0), io->cols - 8);
		}
	}
	// Row r of a is at q[r/3] + (r%3)·s: two pointers and a stride stay in registers.
	const int64_t s = io->a_rs * 4, step = io->a_ks * 4, b_ks = io->b_ks;
	const char *q[2] = {(const char *)a, (const char *)a + 3 * s};
	int64_t k = 0;
	for (int i = 0; i < asks; i++) {
		const char *next = io->ask[i].p;
		int64_t next_step = io->ask[i].step;
		// The last thing's last line is asked for again and again.
		const int64_t last = io->ask[i].words - 1, end = i == asks - 1 ? kw : k + io->ask[i].words < kw ? k + io->ask[i].words : kw;
		for (; k < end; k++, b += b_ks, next += next_step) {
			__builtin_prefetch(next);
			if (asks > 1) __builtin_prefetch(next + 64);
			else next_step = k < last ? next_step : 0;
			const __m256 b0 = _mm256_loadu_ps((const float *)b), b1 = _mm256_loadu_ps((const float *)b + 8);
#pragma GCC unroll 6
			for (int r = 0; r < rows; r++) {
				const __m256 x = _mm256_broadcast_ss((const float *)(q[r / 3] + r % 3 * s));
				c0[r] = _mm256_fmadd_ps(x, b0, c0[r]);
				c1[r] = _mm256_fmadd_ps(x, b1, c1[r]);
			}
			q[0] += step, q[1] += step;
		}
	}
	if (whole && io->out_type == DT_F32) {
		float *out = io->out;
#pragma GCC unroll 6
		for (int r = 0; r < rows; r++, out += io->out_ld) _mm256_storeu_ps(out, c0[r]), _mm256_storeu_ps(out + 8, c1[r]);
		return;
	}
#pragma GCC unroll 6
	for (int r = 0; r < rows; r++) {
		finish8(io->out, io->out_type, r * io->out_ld, io->cols, c0[r]);
		if (io->cols > 8) finish8(io->out, io->out_type, r * io->out_ld + 8, io->cols - 8, c1[r]);
	}
}

#define ROWS(r) \
	static void tile_##r(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { tile(r, 1, kw, a, b, io); }
#define BUSY(r) \
	static void busy_##r(int64_t kw, const uint32_t *a, const uint32_t *b, const gemm_io *io) { tile(r, GEMM_ASKS, kw, a, b, io); }
ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
BUSY(6)

static gemm_tile *tiles[MR + 1] = {0, tile_1, tile_2, tile_3, tile_4, tile_5, tile_6};

// Packing ---------------------------------------------------------------------------------------------------------------

#define FN(name) name##_avx2
#define VEC 8
typedef __m256i vec;

static inline vec vec_zero(void) { return _mm256_setzero_si256(); }

// Where a panel is no multiple of 8 words wide, the store spills into words that are packed later, or into GEMM_PAD.
static inline void vec_store(uint32_t *p, vec v) { _mm256_storeu_si256((__m256i *)p, v); }

static inline void vec_store_lanes(uint32_t *p, vec v, int64_t lanes) { _mm256_maskstore_epi32((int *)p, mask8(lanes), v); }

// vec_transpose turns 8 rows of 8 words.
static inline void vec_transpose(vec v[8]) {
	vec t[8];
	for (int i = 0; i < 8; i += 2) {
		t[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
		t[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
	}
	for (int i = 0; i < 8; i += 4) {
		v[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
		v[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
		v[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
		v[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	for (int i = 0; i < 4; i++) {
		t[i] = _mm256_permute2x128_si256(v[i], v[i + 4], 0x20);
		t[i + 4] = _mm256_permute2x128_si256(v[i], v[i + 4], 0x31);
	}
	for (int i = 0; i < 8; i++) v[i] = t[i];
}

// vec_first and vec_second take pairs of bf16 apart, as f32.
static inline vec vec_first(vec pairs) { return _mm256_slli_epi32(pairs, 16); }
static inline vec vec_second(vec pairs) { return _mm256_and_si256(pairs, _mm256_set1_epi32((int)0xffff0000)); }

// quarter turns 8 rows of 4 words, so many bytes apart, into 4 vectors of 8 rows. Half of the transposition is free, since each row's words
// are loaded to the lane where they go.
static inline __attribute__((always_inline)) void quarter(vec v[4], const char *w, int64_t row) {
	vec t[4];
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++) {
		const char *p = w + j * row;
		t[j] = _mm256_castsi128_si256(_mm_loadu_si128((const void *)p));
		t[j] = _mm256_inserti128_si256(t[j], _mm_loadu_si128((const void *)(p + 4 * row)), 1);
	}
	const vec a = _mm256_unpacklo_epi32(t[0], t[1]), b = _mm256_unpackhi_epi32(t[0], t[1]);
	const vec c = _mm256_unpacklo_epi32(t[2], t[3]), d = _mm256_unpackhi_epi32(t[2], t[3]);
	v[0] = _mm256_unpacklo_epi64(a, c);
	v[1] = _mm256_unpackhi_epi64(a, c);
	v[2] = _mm256_unpacklo_epi64(b, d);
	v[3] = _mm256_unpackhi_epi64(b, d);
}

// edge_words makes words one by one, where a whole vector would reach past the operand.
static inline vec edge_words(const gemm_operand *x, int64_t i, int64_t di, int64_t k, int64_t w, int64_t dw, int64_t n, int words) {
	uint32_t edge[8] = {0};
	for (int64_t e = 0; e < n; e++) edge[e] = gemm_word(x, i + e * di, k, w + e * dw, words);
	return _mm256_loadu_si256((const __m256i *)edge);
}

// halves loads 8 neighbouring elements as bf16 in the high half of each lane.
static inline vec halves(const gemm_operand *x, int64_t at) {
	if (x->type == DT_BF16) return _mm256_slli_epi32(load_halves((const uint16_t *)x->p + at, 8), 16);
	return _mm256_slli_epi32(round_bf16(_mm256_loadu_si256((const __m256i *)((const float *)x->p + at))), 16);
}

// wide loads 8 neighbouring elements as f32.
static inline vec wide(const gemm_operand *x, int64_t at) {
	if (x->type == DT_F32) return _mm256_loadu_si256((const __m256i *)((const float *)x->p + at));
	return halves(x, at);
}

// load_along loads words w to w+steps of row i, for operands whose rows lie along k; inside: 8, with all their elements.
static inline vec FN(load_along)(const gemm_operand *x, int64_t i, int64_t k, int64_t w, int64_t steps, const int words, const int inside) {
	int64_t at = i * x->rs + w;
	if (!inside) return edge_words(x, i, 0, k, w, 1, steps, words);
	if (words == WORD_SWAPPED) return _mm256_shuffle_epi32(halves(x, at), 0xb1);
	return wide(x, at);
}

// load_across loads word w of rows i to i+have, for operands whose rows are neighbours; inside: 8, with all their elements.
static inline vec FN(load_across)(const gemm_operand *x, int64_t i, int64_t have, int64_t k, int64_t w, const int words, const int inside) {
	if (words == WORD_SWAPPED && !inside && (w ^ 1) >= k) return vec_zero();
	if (words == WORD_F32 && x->type == DT_F32 && !inside) return _mm256_maskload_epi32((const int *)x->p + i + w * x->ks, mask8(have));
	if (have < VEC) return edge_words(x, i, 1, k, w, 0, have, words);
	return words == WORD_SWAPPED ? halves(x, i + (w ^ 1) * x->ks) : wide(x, i + w * x->ks);
}

#define VEC_QUARTER quarter
#include "gemm_pack_body.h"
PACK(pack_6, MR)
PACK(pack_16, NR)

// Few rows --------------------------------------------------------------------------------------------------------------

// meet is one step of k: the word of each row of x meets a column of w, 8 rows of it a vector.
static inline __attribute__((always_inline)) void meet(__m256 *c, const int rows, const int groups, const uint32_t *x, int64_t x_ld, const vec *column) {
#pragma GCC unroll 8
	for (int r = 0; r < rows; r++) {
		const __m256 b = _mm256_broadcast_ss((const float *)(x + r * x_ld));
#pragma GCC unroll 2
		for (int g = 0; g < groups; g++) c[r * groups + g] = _mm256_fmadd_ps(b, _mm256_castsi256_ps(column[g]), c[r * groups + g]);
	}
}

// meet_word is a word of w: one step of k, or a pair's two. A pair's second element comes first, as in WORD_SWAPPED and so in x.
static inline __attribute__((always_inline)) void meet_word(__m256 *c, const int rows, const int groups, const int bf16, const uint32_t *x, int64_t x_ld,
                                                            const vec *word) {
	vec first[2], second[2];
	if (!bf16) {
		meet(c, rows, groups, x, x_ld, word);
		return;
	}
#pragma GCC unroll 2
	for (int g = 0; g < groups; g++) first[g] = vec_first(word[g]), second[g] = vec_second(word[g]);
	meet(c, rows, groups, x, x_ld, second);
	meet(c, rows, groups, x + 1, x_ld, first);
}

enum {
	FEW_AHEAD = 96,    // words: six lines of each row
	FEW_SHORT = 1024,  // words: shorter rows end before asking along them pays
	FEW_BLOCK = 16,    // rows of w that a call takes and the next one will
};

// rows_8 is up to GEMM_FEW rows of x with 8·groups rows of w that lie along k, or fewer where groups is 1: 8 rows × 4 words of w at a
// time are turned in registers and meet each row of x once. io begins at their outputs. From main memory whole lines are asked for
// ahead of their use: where rows are short and lie one behind the other, those of the next call, in the order in which they lie (column
// by column they would be a page's every second line); otherwise along each row.
static inline __attribute__((always_inline)) void rows_8(const int rows, const int groups, const int bf16, int64_t kw, const uint32_t *x, int64_t x_ld,
                                                         const uint32_t *w, int64_t w_ld, int have, const gemm_io *io) {
	const int64_t per = bf16 ? 2 : 1, words = kw / per; // steps of k in a word of w, words in its rows
	const int in_order = w_ld == words && words <= FEW_SHORT;
	const uint32_t *next = in_order ? w + FEW_BLOCK * w_ld : w + FEW_AHEAD;
	const int64_t line = in_order ? 16 : w_ld, step = in_order ? 8 * groups : 1; // from a line to the next, and per word of a row
	__m256 c[GEMM_FEW];
#pragma GCC unroll 8
	for (int i = 0; i < rows * groups; i++) {
		const int r = i / groups, o = i % groups * 8;
		c[i] = io->in ? start8((const char *)io->in + o * dt_size(io->in_type), io->in_type, r * io->in_ld, have) : _mm256_setzero_ps();
	}
	int64_t j = 0;
	for (; j + 8 <= words && have == 8; j += 8) {
		if (!(j & 8)) {
#pragma GCC unroll 16
			for (int i = 0; i < 8 * groups; i++) __builtin_prefetch(next + i * line + j * step);
		}
#pragma GCC unroll 2
		for (int q = 0; q < 8; q += 4) {
			vec v[2][4];
#pragma GCC unroll 2
			for (int g = 0; g < groups; g++) quarter(v[g], (const char *)(w + 8 * g * w_ld + j + q), 4 * w_ld);
#pragma GCC unroll 4
			for (int s = 0; s < 4; s++) meet_word(c, rows, groups, bf16, x + (j + q + s) * per, x_ld, (const vec[]){v[0][s], v[1][s]});
		}
	}
	for (; j < words; j++) {
		vec v[2];
		for (int g = 0; g < groups; g++) {
			uint32_t edge[8] = {0};
			for (int i = 0; i < have; i++) edge[i] = w[(8 * g + i) * w_ld + j];
			v[g] = _mm256_loadu_si256((const __m256i *)edge);
		}
		meet_word(c, rows, groups, bf16, x + j * per, x_ld, v);
	}
#pragma GCC unroll 8
	for (int i = 0; i < rows * groups; i++) {
		const int r = i / groups, o = i % groups * 8;
		char *out = (char *)io->out + o * dt_size(io->out_type);
		if (have == 8 && io->out_type == DT_F32) _mm256_storeu_ps((float *)out + r * io->out_ld, c[i]);
		else finish8(out, io->out_type, r * io->out_ld, have, c[i]);
	}
}

// few takes 16 rows of w at once where there are accumulators for it: one row of x alone waits four cycles for each of its sums. Rows a
// multiple of 2 KiB apart share too few places of the first cache for sixteen of them.
static inline __attribute__((always_inline)) void few(int rows, const int bf16, int64_t kw, const uint32_t *x, int64_t x_ld,
                                                      const uint32_t *w, int64_t w_ld, int have, const gemm_io *io) {
	for (int i = 0; i < have;) {
		gemm_io at = *io;
		const int n = have - i < 8 ? have - i : 8;
		const uint32_t *from = w + i * w_ld;
		if (io->in) at.in = (const char *)io->in + i * dt_size(io->in_type);
		at.out = (char *)io->out + i * dt_size(io->out_type);
		const int pair = have - i >= 16 && rows <= 4 && w_ld % 512 != 0;
#define CASE(r, groups) case r: rows_8(r, groups, bf16, kw, x, x_ld, from, w_ld, n, &at); break;
		if (pair) {
			switch (rows) { CASE(1, 2) CASE(2, 2) CASE(3, 2) CASE(4, 2) }
		} else {
			switch (rows) { CASE(1, 1) CASE(2, 1) CASE(3, 1) CASE(4, 1) CASE(5, 1) CASE(6, 1) CASE(7, 1) CASE(8, 1) }
		}
#undef CASE
		i += pair ? 16 : 8;
	}
}

static void few_f32(int rows, int64_t kw, const uint32_t *x, int64_t x_ld, const uint32_t *w, int64_t w_ld, int have, const gemm_io *io) {
	few(rows, 0, kw, x, x_ld, w, w_ld, have, io);
}
static void few_bf16(int rows, int64_t kw, const uint32_t *x, int64_t x_ld, const uint32_t *w, int64_t w_ld, int have, const gemm_io *io) {
	few(rows, 1, kw, x, x_ld, w, w_ld, have, io);
}

const gemm_isa gemm_avx2 = {MR, NR, WORD_SWAPPED, tiles, tiles, pack_6_avx2, pack_16_avx2, .f32_few = few_f32, .bf16_few = few_bf16, .f32_busy = {0, busy_6}};

#pragma GCC pop_options
#else
const gemm_isa gemm_avx2; // never picked: host_isa does not find it here
#endif
