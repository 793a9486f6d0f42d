#ifndef PRIMER_SUM_H
#define PRIMER_SUM_H
#include "team.h"

typedef struct {
	uintptr_t out, x;
	int64_t len;
	int32_t type, square, accumulate;
} sum_args;

extern const primer_op primer_sum_table[3];
#endif
