// The matrix product's register tiles and packing for AVX-512, with and without the bf16 dot product.
#include "gemm_word.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi2")

static inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

static inline __mmask16 mask16(int64_t n) { return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1); }

static inline __m512i round_bf16(__m512i u) { // f32 bits to bf16 in the low half of each lane, nearest even
	__m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
	__m512i sum = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
	__mmask16 nan = _mm512_cmpgt_epu32_mask(_mm512_and_si512(u, _mm512_set1_epi32(0x7fffffff)), _mm512_set1_epi32(0x7f800000));
	sum = _mm512_mask_or_epi32(sum, nan, u, _mm512_set1_epi32(0x400000));
	return _mm512_srli_epi32(sum, 16);
}

static inline __m512i load16(const uint16_t *p, __mmask16 m) { return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, p)); }

// Tile edges ------------------------------------------------------------------------------------------------------------

static inline __m512 start16(const void *p, const int type, __mmask16 m) {
	if (type == DT_F32) return _mm512_maskz_loadu_ps(m, p);
	return _mm512_castsi512_ps(_mm512_slli_epi32(load16(p, m), 16));
}

static inline void finish16(void *p, const int type, __mmask16 m, __m512 c) {
	if (type == DT_F32) _mm512_mask_storeu_ps(p, m, c);
	else _mm256_mask_storeu_epi16(p, m, _mm512_cvtepi32_epi16(round_bf16(_mm512_castps_si512(c))));
}

// START and FINISH are the ends of all rows of a tile, for one dtype; ld is in elements.
#define START(type, size)                                                        \
	_Pragma("GCC unroll 16") for (int r = 0; r < rows; r++, in += io->in_ld * size) { \
		c0[r] = start16(in, type, m0);                                               \
		c1[r] = wide ? start16(in + 16 * size, type, m1) : c0[r];                     \
	}
#define FINISH(type, size)                                                         \
	_Pragma("GCC unroll 16") for (int r = 0; r < rows; r++, out += io->out_ld * size) { \
		finish16(out, type, m0, c0[r]);                                                \
		if (wide) finish16(out + 16 * size, type, m1, c1[r]);                          \
	}

// Packing ---------------------------------------------------------------------------------------------------------------

#define FN(name) name##_avx512
#define VEC 16
typedef __m512i vec;

static inline vec vec_zero(void) { return _mm512_setzero_si512(); }

// Where a panel is no multiple of 16 words wide, the store spills into words that are packed later, or into GEMM_PAD.
static inline void vec_store(uint32_t *p, vec v) { _mm512_storeu_si512(p, v); }

static inline void vec_store_lanes(uint32_t *p, vec v, int64_t lanes) { _mm512_mask_storeu_epi32(p, mask16(lanes), v); }

// vec_transpose turns 16 rows of 16 words.
static inline __attribute__((always_inline)) void vec_transpose(vec v[16]) {
	vec t[16];
	for (int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
	}
	for (int i = 0; i < 16; i += 4) {
		v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	for (int i = 0; i < 4; i++) {
		t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
		t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
		t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
		t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
	}
	for (int i = 0; i < 4; i++) {
		v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
		v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
		v[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
		v[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
	}
}

// vec_first and vec_second take pairs of bf16 apart, as f32.
static inline vec vec_first(vec pairs) { return _mm512_slli_epi32(pairs, 16); }
static inline vec vec_second(vec pairs) { return _mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000)); }

// quarter turns 16 rows of 4 words, so many bytes apart, into 4 vectors of 16 rows. Half of the transposition is free, since each row's
// words are loaded to the lane where they go; a line is loaded from four times, so it had better be in the first cache.
static inline __attribute__((always_inline)) void quarter(vec v[4], const char *w, int64_t row) {
	vec t[4];
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++) {
		const char *p = w + j * row;
		t[j] = _mm512_castsi128_si512(_mm_loadu_si128((const void *)p));
		t[j] = _mm512_inserti32x4(t[j], _mm_loadu_si128((const void *)(p + 4 * row)), 1);
		t[j] = _mm512_inserti32x4(t[j], _mm_loadu_si128((const void *)(p + 8 * row)), 2);
		t[j] = _mm512_inserti32x4(t[j], _mm_loadu_si128((const void *)(p + 12 * row)), 3);
	}
	const vec a = _mm512_unpacklo_epi32(t[0], t[1]), b = _mm512_unpackhi_epi32(t[0], t[1]);
	const vec c = _mm512_unpacklo_epi32(t[2], t[3]), d = _mm512_unpackhi_epi32(t[2], t[3]);
	v[0] = _mm512_unpacklo_epi64(a, c);
	v[1] = _mm512_unpackhi_epi64(a, c);
	v[2] = _mm512_unpacklo_epi64(b, d);
	v[3] = _mm512_unpackhi_epi64(b, d);
}

// The ends of a turned tile of `outs` rows: io->cols rows of y, `outs` neighbours each. With in_ld = 0 a row's outputs start
// from one value.
static inline __attribute__((always_inline)) void start_turned(__m512 c[16], const int outs, const gemm_io *io) {
	if (!io->in || io->in_ld == 0) {
#pragma GCC unroll 16
		for (int i = 0; i < outs; i++) c[i] = io->in ? _mm512_set1_ps(((const float *)io->in)[i]) : _mm512_setzero_ps();
		return;
	}
	const __mmask16 m = mask16(outs);
	const char *y = io->in;
	vec v[16];
	for (int r = 0; r < 16; r++, y += io->in_ld * dt_size(io->in_type))
		v[r] = r >= io->cols ? vec_zero() : _mm512_castps_si512(io->in_type == DT_F32 ? start16(y, DT_F32, m) : start16(y, DT_BF16, m));
	vec_transpose(v);
#pragma GCC unroll 16
	for (int i = 0; i < outs; i++) c[i] = _mm512_castsi512_ps(v[i]);
}

static inline __attribute__((always_inline)) void finish_turned(const __m512 c[16], const int outs, const gemm_io *io) {
	const __mmask16 m = mask16(outs);
	vec v[16];
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) v[i] = i < outs ? _mm512_castps_si512(c[i]) : vec_zero();
	vec_transpose(v);
	char *y = io->out;
#pragma GCC unroll 16
	for (int r = 0; r < 16; r++, y += io->out_ld * dt_size(io->out_type)) {
		if (r >= io->cols) return;
		if (io->out_type == DT_F32) finish16(y, DT_F32, m, _mm512_castsi512_ps(v[r]));
		else finish16(y, DT_BF16, m, _mm512_castsi512_ps(v[r]));
	}
}

#define TILE tile_f32
#define NEAR_GROUPS 1
#define DOT(c, a, b) _mm512_fmadd_ps(a, b, c)
#include "gemm_tile512_body.h"

// halves loads up to 16 neighbouring elements as bf16 in the low half of each lane.
static inline vec halves(const gemm_operand *x, int64_t at, __mmask16 m) {
	if (x->type == DT_BF16) return load16((const uint16_t *)x->p + at, m);
	return round_bf16(_mm512_maskz_loadu_epi32(m, (const float *)x->p + at));
}

// wide loads up to 16 neighbouring elements as f32.
static inline vec wide(const gemm_operand *x, int64_t at, __mmask16 m) {
	if (x->type == DT_F32) return _mm512_maskz_loadu_epi32(m, (const float *)x->p + at);
	return _mm512_slli_epi32(load16((const uint16_t *)x->p + at, m), 16);
}

// load_along loads words w to w+steps of row i, for operands whose rows lie along k; inside: 16, with all their elements.
static inline __attribute__((always_inline)) vec FN(load_along)(const gemm_operand *x, int64_t i, int64_t k, int64_t w, int64_t steps,
                                                                const int words, const int inside) {
	int64_t at = i * x->rs + w, left = inside ? VEC : k - w < steps ? k - w : steps;
	if (words == WORD_F32) return wide(x, at, mask16(left));
	if (words == WORD_SWAPPED) return _mm512_shuffle_epi32(_mm512_slli_epi32(halves(x, at, mask16(left)), 16), 0xb1);
	at += w;
	left = inside ? 2 * VEC : k - 2 * w < 2 * steps ? k - 2 * w : 2 * steps;
	if (x->type == DT_BF16) return _mm512_maskz_loadu_epi16(left >= 32 ? 0xffffffff : (1u << left) - 1, (const uint16_t *)x->p + at);
	__m256i low = _mm512_cvtepi32_epi16(halves(x, at, mask16(left)));
	__m256i high = _mm512_cvtepi32_epi16(halves(x, at + 16, mask16(left - 16)));
	return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// load_across loads word w of rows i to i+have, for operands whose rows are neighbours; inside: 16, with all their elements.
static inline __attribute__((always_inline)) vec FN(load_across)(const gemm_operand *x, int64_t i, int64_t have, int64_t k, int64_t w,
                                                                 const int words, const int inside) {
	__mmask16 m = inside ? 0xffff : mask16(have);
	if (words == WORD_F32) return wide(x, i + w * x->ks, m);
	if (words == WORD_SWAPPED) return inside || (w ^ 1) < k ? _mm512_slli_epi32(halves(x, i + (w ^ 1) * x->ks, m), 16) : vec_zero();
	vec low = halves(x, i + 2 * w * x->ks, m);
	if (!inside && 2 * w + 1 >= k) return low;
	return _mm512_or_si512(low, _mm512_slli_epi32(halves(x, i + (2 * w + 1) * x->ks, m), 16));
}

#define VEC_QUARTER quarter
#include "gemm_pack_body.h"
PACK(pack_14, 14)
PACK(pack_32, 32)

// turn16 moves up to 16 × 16 elements of a tile [out, row] to or from y[row, out].
static inline void turn16(float *tile, int64_t tile_ld, int outs, int rows, char *y, int64_t ld, int type, int back) {
	const int64_t size = dt_size(type);
	__mmask16 m = mask16(outs);
	vec v[16];
	for (int i = 0; i < 16; i++) {
		if (!back) v[i] = i < outs ? _mm512_loadu_si512(tile + i * tile_ld) : vec_zero();
		else if (i >= rows) v[i] = vec_zero();
		else v[i] = _mm512_castps_si512(type == DT_F32 ? start16(y + i * ld * size, DT_F32, m) : start16(y + i * ld * size, DT_BF16, m));
	}
	vec_transpose(v);
	for (int i = 0; i < 16; i++) {
		if (back && i < outs) _mm512_storeu_si512(tile + i * tile_ld, v[i]);
		if (back || i >= rows) continue;
		if (type == DT_F32) finish16(y + i * ld * size, DT_F32, m, _mm512_castsi512_ps(v[i]));
		else finish16(y + i * ld * size, DT_BF16, m, _mm512_castsi512_ps(v[i]));
	}
}

// turn_whole is turn16 of a whole square into f32 (17 ns against 28).
static inline void turn_whole(const float *tile, int64_t tile_ld, float *y, int64_t ld) {
#pragma GCC unroll 4
	for (int i = 0; i < 16; i += 4) {
		vec v[4];
		quarter(v, (const char *)(tile + i), 4 * tile_ld);
		for (int j = 0; j < 4; j++) _mm512_storeu_si512(y + (i + j) * ld, v[j]);
	}
}

static void turn(float *tile, int64_t tile_ld, int outs, int rows, void *y, int64_t ld, int type, int back) {
	for (int r = 0; r < rows; r += 16) {
		char *to = (char *)y + r * ld * dt_size(type);
		if (!back && outs == 16 && rows - r >= 16 && type == DT_F32) turn_whole(tile + r, tile_ld, (float *)to, ld);
		else turn16(tile + r, tile_ld, outs, rows - r < 16 ? rows - r : 16, to, ld, type, back);
	}
}

const gemm_isa gemm_avx512 = {14, 32, WORD_SWAPPED, tile_f32_table, tile_f32_table, pack_14_avx512, pack_32_avx512,
                              tile_f32_turned_table, tile_f32_turned_table, tile_f32_few, tile_f32_few, tile_f32_near, tile_f32_near, 16, turn,
                              {tile_f32_busy_7, tile_f32_busy_14}, {tile_f32_busy_7, tile_f32_busy_14}};

#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,bmi2")

#define TILE tile_bf16
#define NEAR_GROUPS 2 // this instruction loses a quarter of its speed where a broadcast is used once
#define DOT(c, a, b) _mm512_dpbf16_ps(c, (__m512bh)(a), (__m512bh)(b))
#include "gemm_tile512_body.h"

const gemm_isa gemm_avx512bf16 = {14, 32, WORD_PAIR, tile_f32_table, tile_bf16_table, pack_14_avx512, pack_32_avx512,
                                  tile_f32_turned_table, tile_bf16_turned_table, tile_f32_few, tile_bf16_few, tile_f32_near, tile_bf16_near, 32, turn,
                                  {tile_f32_busy_7, tile_f32_busy_14}, {tile_bf16_busy_7, tile_bf16_busy_14}};

#pragma GCC pop_options
#else
const gemm_isa gemm_avx512, gemm_avx512bf16; // never picked: host_isa finds none of these here
#endif
