#ifndef PRIMER_SAMPLE_H
#define PRIMER_SAMPLE_H
#include "team.h"

typedef struct {
	uintptr_t tokens, logprobs, top_tokens, top_logprobs, logits; // top_tokens and top_logprobs may be 0
	uintptr_t temperature, top_k, top_p, min_p, seeds, positions;
	uintptr_t given, edit_offsets, edit_tokens, edit_factors, edit_adds; // may be 0, the edits' together
	int64_t rows, vocab, top, edits;
	int32_t type;
} sample_args;

// SAMPLE_VOCAB is the largest vocabulary: a thread's scratch holds 12 bytes for every token.
enum { SAMPLE_VOCAB = TEAM_SCRATCH / 12 };

extern const primer_op primer_sample_table[3];
#endif
