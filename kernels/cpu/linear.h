#ifndef PRIMER_LINEAR_H
#define PRIMER_LINEAR_H

#include "gemm.h"

// The arguments are gemm_args.
void primer_linear_generic(worker *w, const void *args);
void primer_linear_avx2(worker *w, const void *args);
void primer_linear_avx512(worker *w, const void *args);
void primer_linear_avx512bf16(worker *w, const void *args);

// A weight to be packed for good.
typedef struct {
	gemm_operand x;
	int64_t rows, k;
	uintptr_t out;
	int isa, math;
} pack_args;

// primer_packed_bytes is the room that the packed weight takes.
int64_t primer_packed_bytes(int isa, const pack_args *a);
void primer_pack(worker *w, const void *args);

#endif
