// The cases: one small product for every way through the blocking, the queue itself, copies. Sizes are small and odd, so that
// threads share cache lines and outnumber the work.
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "harness.h"
#include "host.h"
#include "linear.h"

static const primer_op linear[] = {primer_linear_generic, primer_linear_avx2, primer_linear_avx512, primer_linear_avx512bf16};
static const primer_op copies[] = {primer_copy_generic, primer_copy_avx2, primer_copy_avx512, primer_copy_avx512};

enum { N = 37, I = 70, O = 45, MANY = 150 };

static float *values(int64_t n) {
	float *x = aligned_alloc(64, (size_t)(n * 4 + 127) / 64 * 64);
	harness_fill(x, n);
	return x;
}

// product runs y = x·wᵀ, then dx = y·w, then dw += yᵀ·x, so that each operation reads what the one before wrote.
static void product(team *t, int isa, unsigned char *out, int64_t n, int math) {
	float *x = values(n * I), *w = values(O * I), *y = (float *)out, *dx = y + n * O, *dw = dx + n * I, *db = dw + O * I;
	gemm_args fwd = {.a = {x, I, 1, DT_F32}, .b = {w, I, 1, DT_F32}, .c = y, .m = n, .n = O, .k = I, .ldc = O, .c_type = DT_F32, .math = math};
	gemm_args in = {.a = {y, O, 1, DT_F32}, .b = {w, 1, I, DT_F32}, .c = dx, .m = n, .n = I, .k = O, .ldc = I, .c_type = DT_F32, .math = math};
	gemm_args wt = {.a = {y, 1, O, DT_F32}, .b = {x, 1, I, DT_F32}, .c = dw, .m = O, .n = I, .k = n, .ldc = I, .c_type = DT_F32, .math = math};
	wt.dbias = db;
	wt.accumulate = 1;
	for (int i = 0; i < 3; i++) {
		team_submit(t, linear[isa], &fwd, sizeof fwd);
		team_submit(t, linear[isa], &in, sizeof in);
		team_submit(t, linear[isa], &wt, sizeof wt);
	}
	team_wait(t);
	free(x);
	free(w);
}

static void product_f32(team *t, int isa, unsigned char *out) { product(t, isa, out, N, DT_F32); }
static void product_bf16(team *t, int isa, unsigned char *out) { product(t, isa, out, N, DT_BF16); }
static void product_many(team *t, int isa, unsigned char *out) { product(t, isa, out, MANY, DT_F32); }
static void product_one(team *t, int isa, unsigned char *out) { product(t, isa, out, 1, DT_F32); }
#define PRODUCT_BYTES(n) (((n) * O + (n) * I + O * I + O) * 4)

// halves runs a bf16 output over several blocks of k, whose unfinished chains lie in shared memory.
static void halves(team *t, int isa, unsigned char *out) {
	enum { K = 1700 };
	float *x = values(N * K), *w = values(O * K);
	gemm_args g = {.a = {x, K, 1, DT_F32}, .b = {w, K, 1, DT_F32}, .c = out, .m = N, .n = O, .k = K, .ldc = O, .c_type = DT_BF16, .math = DT_F32};
	team_submit(t, linear[isa], &g, sizeof g);
	g.c = out + N * O * 2;
	g.a = (gemm_operand){x, 1, N, DT_F32}; // not the way for few rows
	team_submit(t, linear[isa], &g, sizeof g);
	team_wait(t);
	free(x);
	free(w);
}

// packed runs a frozen weight.
static void packed(team *t, int isa, unsigned char *out) {
	float *x = values(N * I), *w = values(O * I);
	pack_args p = {.x = {w, I, 1, DT_F32}, .rows = O, .k = I, .isa = isa, .math = DT_F32};
	uint32_t *room = aligned_alloc(64, (size_t)(primer_packed_bytes(isa, &p) + 63) / 64 * 64);
	p.out = (uintptr_t)room;
	gemm_args g = {.a = {x, I, 1, DT_F32}, .b = {w, I, 1, DT_F32}, .c = out, .b_packed = room, .m = N, .n = O, .k = I, .ldc = O, .c_type = DT_F32, .math = DT_F32};
	team_submit(t, primer_pack, &p, sizeof p);
	team_submit(t, linear[isa], &g, sizeof g);
	team_wait(t);
	free(x);
	free(w);
	free(room);
}

// Copies, fills and writes from the host, more of them than the ring holds.
static void queue(team *t, int isa, unsigned char *out) {
	float x[999];
	fill_args zero = {.dst = out, .bytes = sizeof x, .pattern = 0x3f8000003f800000};
	for (int i = 0; i < 300; i++) {
		harness_fill(x, 999);
		x[i] = (float)i;
		team_submit(t, primer_fill, &zero, sizeof zero);
		team_write(t, out, x, sizeof x);
		copy_args sum = {.dst = out + sizeof x, .x = out, .n = 999, .dst_type = DT_F32, .x_type = DT_F32, .accumulate = 1};
		team_submit(t, copies[isa], &sum, sizeof sum);
		if (i % 50 == 0) team_wait(t);
	}
	team_wait(t);
}

static void fail_odd(worker *w, const void *args) {
	(void)args;
	team_barrier(w);
	if (w->tid % 2 == w->n % 2) team_fail(w, "case", "thread %d", w->tid);
}

// failing lets several threads fail at once: later operations are skipped until the failure is taken.
static void failing(team *t, int isa, unsigned char *out) {
	(void)isa;
	char text[64];
	fill_args one = {.dst = out, .bytes = 8, .pattern = 1};
	for (int i = 0; i < 20; i++) {
		team_submit(t, fail_odd, NULL, 0);
		team_submit(t, primer_fill, &one, sizeof one);
		int failed = team_failure(t, text, sizeof text, 1);
		if (failed && out[0]) abort();
		memset(out, 0, 8);
	}
}

const harness_case harness_cases[] = {
	{"queue", 2 * 999 * 4, queue},
	{"failing", 8, failing},
	{"linear f32", PRODUCT_BYTES(N), product_f32},
	{"linear bf16", PRODUCT_BYTES(N), product_bf16},
	{"linear, many rows", PRODUCT_BYTES(MANY), product_many},
	{"linear, one row", PRODUCT_BYTES(1), product_one},
	{"linear, bf16 out of several blocks", 2 * N * O * 2, halves},
	{"linear, frozen", N * O * 4, packed},
	{0},
};
