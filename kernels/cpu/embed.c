// Embedding: rows looked up, and their gradients added.
//
// Method, backward: every thread owns a range of columns of the whole table and adds the rows in order n. Nothing is sorted,
// no two threads write to one element, and the work is even however uneven the tokens are.
#include "embed.h"
#include "vec.h"

// f32_of_f16 widens IEEE half precision.
static inline float f32_of_f16(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
	if (exponent == 31)
		return f32_of_bits(sign | 0x7f800000 | fraction << 13);
	if (exponent == 0) {
		float f = (float)fraction * 0x1p-24f;
		return sign ? -f : f;
	}
	return f32_of_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

#define BODY "embed_body.h"
#include "each_isa.h"

PRIMER_TABLE(embed);
PRIMER_TABLE(embed_backward);
