#ifndef PRIMER_HARNESS_H
#define PRIMER_HARNESS_H

#include "team.h"

// A case issues operations on a team for one instruction set (host.h) and leaves `bytes` bytes in out, which is zeroed. The
// harness compares them with those of one thread. A new op is one more line in harness_cases.
typedef struct {
	const char *name;
	size_t bytes;
	void (*run)(team *t, int isa, unsigned char *out);
} harness_case;

extern const harness_case harness_cases[]; // ends with an empty one

void harness_fill(float *x, int64_t n);

#endif
