// bf16 as bits.
#ifndef PRIMER_BF16_H
#define PRIMER_BF16_H

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t u) {
	float f;
	memcpy(&f, &u, 4);
	return f;
}

static inline uint32_t bits_of_float(float f) {
	uint32_t u;
	memcpy(&u, &f, 4);
	return u;
}

static inline float float_of_bf16(uint16_t h) { return float_of_bits((uint32_t)h << 16); }

// bf16_of_float rounds to nearest even; a NaN stays one and becomes quiet. Denormals are rounded like all others.
static inline uint16_t bf16_of_float(float f) {
	uint32_t u = bits_of_float(f);
	if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

#endif
