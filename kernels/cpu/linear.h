#ifndef PRIMER_LINEAR_H
#define PRIMER_LINEAR_H

#include "gemm.h"

void primer_linear_generic(worker *w, const void *args);
void primer_linear_avx2(worker *w, const void *args);
void primer_linear_avx512(worker *w, const void *args);
void primer_linear_avx512bf16(worker *w, const void *args);

#endif
