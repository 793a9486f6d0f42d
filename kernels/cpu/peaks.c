// What the multiply-add units can do: chains of independent instructions that never touch memory.
#include "peaks.h"

#include <math.h>

#include "host.h"

enum { CHAINS = 24 };

#if defined(__x86_64__)
#include <immintrin.h>

// The loops are assembly: what a compiler makes of two dozen accumulators in an array (gcc 12 keeps them in memory) would
// be measured in place of the machine. Chain i lives in register i, its factors in the last register of its kind.
#define TWELVE(OP) OP(0) OP(1) OP(2) OP(3) OP(4) OP(5) OP(6) OP(7) OP(8) OP(9) OP(10) OP(11)
#define SECOND_TWELVE(OP) OP(12) OP(13) OP(14) OP(15) OP(16) OP(17) OP(18) OP(19) OP(20) OP(21) OP(22) OP(23)
#define CLEAR_YMM(i) "vxorps %%ymm" #i ", %%ymm" #i ", %%ymm" #i "\n\t"
#define CLEAR_ZMM(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n\t"
#define FMA_YMM(i) "vfmadd231ps %%ymm15, %%ymm15, %%ymm" #i "\n\t"
#define FMA_ZMM(i) "vfmadd231ps %%zmm31, %%zmm31, %%zmm" #i "\n\t"
#define DOT_ZMM(i) "vdpbf16ps %%zmm31, %%zmm31, %%zmm" #i "\n\t"
#define LOW_REGISTERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm15"
#define HIGH_REGISTERS "xmm12", "xmm13", "xmm14", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm31"

__attribute__((target("avx2,fma"))) static void peak_avx2(int64_t steps) {
	int64_t left = 2 * steps;
	float half = 0.5f;
	__asm__ volatile("vbroadcastss %1, %%ymm15\n\t" TWELVE(CLEAR_YMM) "1:\n\t" TWELVE(FMA_YMM) "decq %0\n\tjnz 1b"
	                 : "+r"(left)
	                 : "m"(half)
	                 : "cc", LOW_REGISTERS);
}

#define PEAK_512(OP, factors) \
	__asm__ volatile("vpbroadcastd %1, %%zmm31\n\t" TWELVE(CLEAR_ZMM) SECOND_TWELVE(CLEAR_ZMM) \
	                 "1:\n\t" TWELVE(OP) SECOND_TWELVE(OP) "decq %0\n\tjnz 1b" \
	                 : "+r"(steps) \
	                 : "m"(factors) \
	                 : "cc", LOW_REGISTERS, HIGH_REGISTERS)

__attribute__((target("avx512f"))) static void peak_avx512(int64_t steps) {
	float half = 0.5f;
	PEAK_512(FMA_ZMM, half);
}

__attribute__((target("avx512f,avx512bf16"))) static void peak_bf16(int64_t steps) {
	uint32_t halves = 0x3f003f00; // two bf16 of 0.5
	PEAK_512(DOT_ZMM, halves);
}
#endif

// The empty asm keeps the compiler from folding steps or leaving them out.
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
