#ifndef PRIMER_DROPOUT_H
#define PRIMER_DROPOUT_H
#include "philox.h"
#include "team.h"

typedef struct {
	uintptr_t out, x;
	int64_t len, dim; // elements in all, and in a row
	dropout_spec drop;
	int32_t type;
} dropout_args;

extern const primer_op primer_dropout_table[3];
#endif
