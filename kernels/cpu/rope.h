#ifndef PRIMER_ROPE_H
#define PRIMER_ROPE_H
#include "team.h"

typedef struct {
	uintptr_t qkv, cos, sin, positions;
	int64_t rows, row_heads, dim, heads, table; // table: rows of cos and sin
	int32_t type, inverse;
} rope_args;

extern const primer_op primer_rope_table[3];
#endif
