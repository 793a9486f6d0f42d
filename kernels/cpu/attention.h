#ifndef PRIMER_ATTENTION_H
#define PRIMER_ATTENTION_H
#include "philox.h"
#include "team.h"

typedef struct {
	uintptr_t out, lse, qkv, culens;
	int64_t rows, docs, heads, kv_heads, dim, window; // window 0: none
	dropout_spec drop;
	float scale;
	int32_t type;
} attention_args;

typedef struct {
	attention_args f; // of the forward; out and lse are read
	uintptr_t dqkv, dout;
	uintptr_t delta; // [H,N] F32 workspace: Σ dout·out
	uintptr_t dq;    // [N,H,D] F32 workspace where dqkv is BF16, else 0
} attention_backward_args;

extern const primer_op primer_attention_table[3];
extern const primer_op primer_attention_backward_table[3];
#endif
