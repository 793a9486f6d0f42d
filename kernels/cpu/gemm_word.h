// One packed word, in scalar code: the definition that the vector loads of packing must equal, and what does their edges.
#ifndef PRIMER_GEMM_WORD_H
#define PRIMER_GEMM_WORD_H

#include "bf16.h"
#include "gemm.h"

// gemm_float is element (i, k) as f32.
static inline float gemm_float(const gemm_operand *x, int64_t i, int64_t k) {
	int64_t at = i * x->rs + k * x->ks;
	return x->type == DT_F32 ? ((const float *)x->p)[at] : float_of_bf16(((const uint16_t *)x->p)[at]);
}

// gemm_half is element (i, k) as bf16.
static inline uint16_t gemm_half(const gemm_operand *x, int64_t i, int64_t k) {
	int64_t at = i * x->rs + k * x->ks;
	return x->type == DT_BF16 ? ((const uint16_t *)x->p)[at] : bf16_of_float(((const float *)x->p)[at]);
}

// gemm_word is word w of row i of an operand with k elements a row; past the end there are zeros.
static inline uint32_t gemm_word(const gemm_operand *x, int64_t i, int64_t k, int64_t w, int words) {
	if (words == WORD_F32) return bits_of_float(gemm_float(x, i, w));
	if (words == WORD_SWAPPED) return (w ^ 1) < k ? (uint32_t)gemm_half(x, i, w ^ 1) << 16 : 0;
	uint32_t low = gemm_half(x, i, 2 * w);
	return 2 * w + 1 < k ? low | (uint32_t)gemm_half(x, i, 2 * w + 1) << 16 : low;
}

#endif
