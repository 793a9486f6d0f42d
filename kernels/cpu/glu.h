#ifndef PRIMER_GLU_H
#define PRIMER_GLU_H
#include "team.h"

// One struct for both directions: out and gateup forward; out is dgateup and dout is read backward.
typedef struct {
	uintptr_t out, gateup, dout;
	int64_t rows, dim; // dim: F
	int32_t type, act; // act: kernels.Activation
} glu_args;

extern const primer_op primer_glu_table[3];
extern const primer_op primer_glu_backward_table[3];
#endif
