#ifndef PRIMER_HARNESS_H
#define PRIMER_HARNESS_H

#include "team.h"

// A case issues operations on a team for one instruction set (host.h) and leaves `bytes` bytes in out, which is zeroed. The
// harness compares them with those of one thread. A new op is one more line in harness_ops.
typedef struct {
	const char *name;
	size_t bytes;
	void (*run)(team *t, int isa, unsigned char *out);
} harness_case;

extern const harness_case harness_cases[]; // cases.c; ends with an empty one
extern const harness_case harness_ops[];   // cases_ops.c; likewise

void harness_fill(float *x, int64_t n);

#endif
