#ifndef PRIMER_OPTIMIZER_H
#define PRIMER_OPTIMIZER_H
#include "team.h"

typedef struct {
	uintptr_t clip, sumsq, loss; // loss may be 0
	float max_norm;
} clip_args;

typedef struct {
	uintptr_t master, shadow, grad, m, v, decay, hyper, clip, step; // shadow may be 0
	int64_t len, first;
	float beta1, beta2, eps, weight_decay;
	int32_t moment_type;
} adamw_args;

extern const primer_op primer_clip_table[3];
extern const primer_op primer_adamw_table[3];
#endif
