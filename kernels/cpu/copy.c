// Copy, convert, fill. Conversions work on bits, so they do not depend on how the thread treats denormals.
#include "copy.h"

#include <string.h>

#include "bf16.h"

enum { CHUNK = 2048 };

// f16 in portable code -----------------------------------------------------------------------------------------------------

static float float_of_half(uint16_t h) {
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
	if (exponent == 31) return float_of_bits(sign | 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0));
	if (exponent) return float_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
	if (!fraction) return float_of_bits(sign);
	int shift = __builtin_clz(fraction) - 21; // a denormal: bring its first bit to the place of the hidden one
	return float_of_bits(sign | (uint32_t)(113 - shift) << 23 | (fraction << shift & 0x3ff) << 13);
}

static uint16_t half_of_float(float f) {
	uint32_t u = bits_of_float(f), sign = u >> 16 & 0x8000, mag = u & 0x7fffffff;
	if (mag > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (mag >> 13 & 0x3ff));
	if (mag >= 0x47800000) return (uint16_t)(sign | 0x7c00); // 65536 and more
	if (mag < 0x33000000) return (uint16_t)sign;             // below half of the least denormal
	uint32_t shift = 13, bits = mag - (112u << 23);
	if (mag < 0x38800000) { // a denormal of f16
		shift = 126 - (mag >> 23);
		bits = (mag & 0x7fffff) | 0x800000;
	}
	uint32_t rest = bits & ((1u << shift) - 1), half = 1u << (shift - 1);
	bits >>= shift;
	return (uint16_t)(sign | (bits + (rest > half || (rest == half && (bits & 1)))));
}

static void float_of_f16_generic(float *out, const uint16_t *x, int64_t n) {
	for (int64_t i = 0; i < n; i++) out[i] = float_of_half(x[i]);
}

static void f16_of_float_generic(uint16_t *out, const float *x, int64_t n) {
	for (int64_t i = 0; i < n; i++) out[i] = half_of_float(x[i]);
}

#define FN(name) name##_generic
#include "copy_body.h"
#undef FN

#if defined(__x86_64__)
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
static void float_of_f16_avx2(float *out, const uint16_t *x, int64_t n) {
	int64_t i = 0;
	for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
	float_of_f16_generic(out + i, x + i, n - i);
}
static void f16_of_float_avx2(uint16_t *out, const float *x, int64_t n) {
	int64_t i = 0;
	for (; i + 8 <= n; i += 8) _mm_storeu_si128((__m128i *)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
	f16_of_float_generic(out + i, x + i, n - i);
}
#define FN(name) name##_avx2
#include "copy_body.h"
#undef FN
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,prefer-vector-width=512")
static void float_of_f16_avx512(float *out, const uint16_t *x, int64_t n) {
	int64_t i = 0;
	for (; i + 16 <= n; i += 16) _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(x + i))));
	float_of_f16_generic(out + i, x + i, n - i);
}
static void f16_of_float_avx512(uint16_t *out, const float *x, int64_t n) {
	int64_t i = 0;
	for (; i + 16 <= n; i += 16) _mm256_storeu_si256((__m256i *)(out + i), _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
	f16_of_float_generic(out + i, x + i, n - i);
}
#define FN(name) name##_avx512
#include "copy_body.h"
#undef FN
#pragma GCC pop_options

void primer_copy_avx2(worker *w, const void *args) { copy_avx2(w, args); }
void primer_copy_avx512(worker *w, const void *args) { copy_avx512(w, args); }
#else
void primer_copy_avx2(worker *w, const void *args) { copy_generic(w, args); } // never picked here
void primer_copy_avx512(worker *w, const void *args) { copy_generic(w, args); }
#endif

void primer_copy_generic(worker *w, const void *args) { copy_generic(w, args); }

uint16_t primer_half_of_float(float f) { return half_of_float(f); }

void primer_fill(worker *w, const void *args) {
	const fill_args *f = args;
	int64_t from, to;
	team_split(w, f->bytes, 4096, &from, &to);
	if (from < to) memcpy((char *)f->dst + from, &f->pattern, (size_t)(to - from < 8 ? to - from : 8));
	for (int64_t done = from + 8; done < to;) { // what is there is doubled, up to a page at a time
		int64_t have = done - from < 4096 ? done - from : 4096;
		int64_t n = to - done < have ? to - done : have;
		memcpy((char *)f->dst + done, (char *)f->dst + from, (size_t)n);
		done += n;
	}
}
