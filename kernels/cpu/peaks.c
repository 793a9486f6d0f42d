// What the multiply-add units can do: chains of independent instructions that never touch memory.
#include "peaks.h"

#include <math.h>

#include "host.h"

enum { CHAINS = 24 };

// The empty asm in the loops keeps the compiler from folding steps or leaving them out.

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2,fma"))) static void peak_avx2(int64_t steps) {
	__m256 c[12], x = _mm256_set1_ps(0.5f);
	for (int i = 0; i < 12; i++) c[i] = x;
	for (int64_t s = 0; s < 2 * steps; s++) {
#pragma GCC unroll 12
		for (int i = 0; i < 12; i++) {
			c[i] = _mm256_fmadd_ps(x, x, c[i]);
			__asm__ volatile("" : "+x"(c[i]));
		}
	}
}

__attribute__((target("avx512f"))) static void peak_avx512(int64_t steps) {
	__m512 c[CHAINS], x = _mm512_set1_ps(0.5f);
	for (int i = 0; i < CHAINS; i++) c[i] = x;
	for (int64_t s = 0; s < steps; s++) {
#pragma GCC unroll 24
		for (int i = 0; i < CHAINS; i++) {
			c[i] = _mm512_fmadd_ps(x, x, c[i]);
			__asm__ volatile("" : "+v"(c[i]));
		}
	}
}

__attribute__((target("avx512f,avx512bf16"))) static void peak_bf16(int64_t steps) {
	__m512 c[CHAINS];
	__m512i x = _mm512_set1_epi32(0x3f003f00);
	for (int i = 0; i < CHAINS; i++) c[i] = _mm512_setzero_ps();
	for (int64_t s = 0; s < steps; s++) {
#pragma GCC unroll 24
		for (int i = 0; i < CHAINS; i++) {
			c[i] = _mm512_dpbf16_ps(c[i], (__m512bh)x, (__m512bh)x);
			__asm__ volatile("" : "+v"(c[i]));
		}
	}
}
#endif

static void peak_generic(int64_t steps) {
	float c[CHAINS] = {0};
	for (int64_t s = 0; s < steps; s++) {
		for (int i = 0; i < CHAINS; i++) {
			c[i] = fmaf(0.5f, 0.5f, c[i]);
			__asm__ volatile("" : "+m"(c[i]));
		}
	}
}

int peak_lanes(int isa, int bf16) {
	return isa == ISA_GENERIC ? 1 : isa == ISA_AVX2 ? 8 : bf16 && isa == ISA_AVX512BF16 ? 32 : 16;
}

void primer_peak(worker *w, const void *args) {
	const peak_args *p = args;
	(void)w;
#if defined(__x86_64__)
	if (p->isa == ISA_AVX512BF16 && p->bf16) peak_bf16(p->steps);
	else if (p->isa >= ISA_AVX512) peak_avx512(p->steps);
	else if (p->isa == ISA_AVX2) peak_avx2(p->steps);
	else
#endif
		peak_generic(p->steps);
}
