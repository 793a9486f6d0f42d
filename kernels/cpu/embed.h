#ifndef PRIMER_EMBED_H
#define PRIMER_EMBED_H
#include "team.h"

typedef struct {
	uintptr_t out, table, tokens;
	int64_t rows, dim, vocab;
	int32_t out_type, table_type;
} embed_args;

typedef struct {
	uintptr_t dtable, dout, tokens;
	int64_t rows, dim, vocab;
	int32_t type, accumulate; // type: of dout
} embed_backward_args;

extern const primer_op primer_embed_table[3];
extern const primer_op primer_embed_backward_table[3];
#endif
