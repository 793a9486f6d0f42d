#ifndef PRIMER_COPY_H
#define PRIMER_COPY_H

#include "team.h"

typedef struct {
	void *dst;
	const void *x;
	int64_t n;            // elements
	int dst_type, x_type; // both DT_U8: bytes, bit by bit
	int accumulate;
} copy_args;

typedef struct {
	void *dst;
	int64_t bytes;
	uint64_t pattern; // 8 bytes, repeated from dst on
} fill_args;

void primer_copy_generic(worker *w, const void *args);
void primer_copy_avx2(worker *w, const void *args);
void primer_copy_avx512(worker *w, const void *args);
void primer_fill(worker *w, const void *args);

// primer_half_of_float rounds to f16, nearest even.
uint16_t primer_half_of_float(float f);

#endif
