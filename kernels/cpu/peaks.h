#ifndef PRIMER_PEAKS_H
#define PRIMER_PEAKS_H

#include "team.h"

typedef struct {
	int64_t steps; // of 24 independent chains each
	int isa, bf16;
} peak_args;

// primer_peak runs steps × 24 multiply-add instructions on every thread, in registers.
void primer_peak(worker *w, const void *args);
// peak_lanes returns the multiply-adds of one instruction of primer_peak.
int peak_lanes(int isa, int bf16);

#endif
