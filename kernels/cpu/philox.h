// philox.h: the random words of kernels/philox.go (Philox4x32-10, Salmon et al., SC 2011), one block at a time. The vector
// form is in philox_body.h.
#ifndef PRIMER_PHILOX_H
#define PRIMER_PHILOX_H

#include <stdint.h>

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u

typedef struct {
	uint32_t k0, k1;
} philox_key;

static inline void philox(philox_key k, uint32_t c[4])
{
	for (int r = 0; r < 10; r++) {
		uint64_t p0 = (uint64_t)PHILOX_M0 * c[0], p1 = (uint64_t)PHILOX_M1 * c[2];
		uint32_t c1 = c[1], c3 = c[3];
		c[0] = (uint32_t)(p1 >> 32) ^ c1 ^ k.k0;
		c[1] = (uint32_t)p1;
		c[2] = (uint32_t)(p0 >> 32) ^ c3 ^ k.k1;
		c[3] = (uint32_t)p0;
		k.k0 += PHILOX_W0;
		k.k1 += PHILOX_W1;
	}
}

static inline philox_key philox_subkey(uint64_t seed, uint32_t purpose, uint64_t step, uint32_t layer)
{
	uint32_t c[4] = {(uint32_t)step, (uint32_t)(step >> 32), layer, purpose};
	philox((philox_key){(uint32_t)seed, (uint32_t)(seed >> 32)}, c);
	return (philox_key){c[0], c[1]};
}

// Indices into the step tensor, as in kernels.Dropout.
enum { STEP_SEED, STEP_NUMBER, STEP_SAMPLE, STEP_TOKEN };

// dropout_spec is kernels.Dropout; step is 0 and threshold 0 where it is off.
typedef struct {
	uintptr_t step; // [4] int64
	uint32_t threshold, purpose, layer;
	float keep; // 1/(1-p)
} dropout_spec;

static inline philox_key dropout_key(const dropout_spec *d)
{
	const int64_t *s = (const int64_t *)d->step;
	return philox_subkey((uint64_t)s[STEP_SEED], d->purpose, (uint64_t)s[STEP_NUMBER], d->layer);
}

#endif
