#ifndef PRIMER_CROSSENTROPY_H
#define PRIMER_CROSSENTROPY_H
#include "team.h"

typedef struct {
	uintptr_t loss, logits, targets, mask, scale, argmax; // 0: absent
	int64_t rows, vocab;
	int32_t type, gradient;
} crossentropy_args;

extern const primer_op primer_crossentropy_table[3];
#endif
