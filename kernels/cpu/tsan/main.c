// A plain C harness that runs the team and the kernels with several threads under ThreadSanitizer, which Go's race detector
// cannot stand in for: it does not see C. It prints one line a case and fails by the sanitizer's exit code, or when a result
// differs from the one-thread run. The README of the project names the make target; by hand:
//
//	gcc -std=c11 -O1 -g -fsanitize=thread -D_GNU_SOURCE -I.. main.c cases.c cases_ops.c ../*.c -o harness -lm -lpthread && ./harness
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

enum { RUNS = 3 };

static const int teams[] = {2, 3, 5};

// fill makes values that differ from place to place.
void harness_fill(float *x, int64_t n) {
	uint32_t s = 12345;
	for (int64_t i = 0; i < n; i++) {
		s = s * 1664525u + 1013904223u;
		x[i] = (float)(int32_t)s * 0x1p-31f;
	}
}

// once runs a case on a fresh team of n threads and returns its output, to be freed.
static unsigned char *once(const harness_case *c, int n, int isa) {
	team *t = team_open(n);
	if (!t) abort();
	unsigned char *out = calloc(1, c->bytes);
	c->run(t, isa, out);
	char text[256];
	if (team_failure(t, text, sizeof text, 1)) {
		fprintf(stderr, "%s: %s\n", c->name, text);
		exit(1);
	}
	team_close(t);
	return out;
}

// run_all runs a table of cases; 0 when every result has the bits of one thread.
static int run_all(const harness_case *cases) {
	int best = host_isa();
	for (const harness_case *c = cases; c->name; c++) {
		for (int isa = 0; isa <= best; isa++) {
			unsigned char *want = once(c, 1, isa);
			for (unsigned i = 0; i < sizeof teams / sizeof *teams; i++) {
				for (int r = 0; r < RUNS; r++) {
					unsigned char *got = once(c, teams[i], isa);
					if (memcmp(got, want, c->bytes)) {
						fprintf(stderr, "%s: instruction set %d, %d threads: not the bits of one thread\n", c->name, isa, teams[i]);
						return 1;
					}
					free(got);
				}
			}
			free(want);
			printf("%s, instruction set %d: ok\n", c->name, isa);
		}
	}
	return 0;
}

int main(void) { return run_all(harness_cases) || run_all(harness_ops); }
