// vec.h: one vocabulary of vectors for every instruction set. A body (op_body.h) is written once against it and compiled
// for each of them by each_isa.h, which defines
//
//	ISA  generic | avx2 | avx512     the suffix of every name in the body, through FN(name)
//	W    4 | 8 | 16                  floats in a vector
//
// The definitions are in vec_body.h (arithmetic, loads, stores) and math_body.h (exp). What is not a function of this
// vocabulary is written with GCC's vector extensions, which need no instruction set.
#ifndef PRIMER_VEC_H
#define PRIMER_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "team.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#pragma STDC FP_CONTRACT OFF

#define VEC_CAT2(a, b) a##_##b
#define VEC_CAT(a, b) VEC_CAT2(a, b)
#define FN(name) VEC_CAT(name, ISA)
#define INL static inline __attribute__((always_inline, unused))
#define SHARED static __attribute__((unused)) // of a body that several ops include

static inline int64_t vec_min(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t vec_max(int64_t a, int64_t b) { return a > b ? a : b; }

static inline float f32_of_bits(uint32_t u)
{
	float f;
	memcpy(&f, &u, 4);
	return f;
}

static inline uint32_t bits_of_f32(float f)
{
	uint32_t u;
	memcpy(&u, &f, 4);
	return u;
}

static inline uint16_t load_u16(const void *p, int64_t i)
{
	uint16_t u;
	memcpy(&u, (const char *)p + 2 * i, 2);
	return u;
}

// ld1 and st1 move one element; BF16 is rounded to nearest even, a NaN stays a NaN.
static inline float ld1(const void *p, int64_t i, int t)
{
	if (t == DT_BF16)
		return f32_of_bits((uint32_t)load_u16(p, i) << 16);
	float f;
	memcpy(&f, (const char *)p + 4 * i, 4);
	return f;
}

static inline uint16_t bf16_of_f32(float f)
{
	uint32_t u = bits_of_f32(f);
	if ((u & 0x7fffffff) > 0x7f800000)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline void st1(void *p, int64_t i, float f, int t)
{
	if (t == DT_BF16) {
		uint16_t u = bf16_of_f32(f);
		memcpy((char *)p + 2 * i, &u, 2);
	} else {
		memcpy((char *)p + 4 * i, &f, 4);
	}
}

// PRIMER_OP declares an op's table: its function per instruction set, 0 where this build has none.
#define PRIMER_OP(op) extern const primer_op primer_##op##_table[3]

#if defined(__x86_64__)
#define PRIMER_TABLE(op) const primer_op primer_##op##_table[3] = {primer_##op##_generic, primer_##op##_avx2, primer_##op##_avx512}
#else
#define PRIMER_TABLE(op) const primer_op primer_##op##_table[3] = {primer_##op##_generic, 0, 0}
#endif

// Names of the vocabulary, with the suffix of the instruction set being compiled.
#define vf FN(vf)
#define vi FN(vi)
#define vu FN(vu)
#define vh FN(vh)
#define v_set1 FN(v_set1)
#define v_load FN(v_load)
#define v_store FN(v_store)
#define v_loadn FN(v_loadn)
#define v_storen FN(v_storen)
#define v_fma FN(v_fma)
#define v_max FN(v_max)
#define v_min FN(v_min)
#define v_sqrt FN(v_sqrt)
#define v_sel FN(v_sel)
#define v_sum FN(v_sum)
#define v_hmax FN(v_hmax)
#define v_iota FN(v_iota)
#define v_from_bf16 FN(v_from_bf16)
#define v_to_bf16 FN(v_to_bf16)
#define v_ld FN(v_ld)
#define v_st FN(v_st)
#define v_exp FN(v_exp)
#define v_exp_le FN(v_exp_le)
#define v_exp2 FN(v_exp2)
#define v_exp2_n FN(v_exp2_n)
#define v_sigmoid FN(v_sigmoid)
#define v_mulhilo FN(v_mulhilo)
#define v_philox FN(v_philox)
#define v_words FN(v_words)
#endif
