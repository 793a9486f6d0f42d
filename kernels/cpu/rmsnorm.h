#ifndef PRIMER_RMSNORM_H
#define PRIMER_RMSNORM_H
#include "team.h"

typedef struct {
	uintptr_t out, sum, x, residual, w, rstd; // 0: absent
	int64_t rows, dim;
	int32_t out_type, x_type, w_type;
	float eps;
} rmsnorm_args;

typedef struct {
	uintptr_t dx, dw, dout, dresidual, s, rstd, w, work;
	int64_t rows, dim;
	int32_t dx_type, dout_type, dres_type, s_type, w_type, accumulate;
} rmsnorm_backward_args;

// Rows of a block of partial sums of dw; fixed, so that the order of the sum depends on the number of rows alone.
enum { RMSNORM_BLOCK = 32 };

extern const primer_op primer_rmsnorm_table[3];
extern const primer_op primer_rmsnorm_backward_table[3];
#endif
