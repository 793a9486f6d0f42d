// The cases of the ops other than the matrix product: every one that has more than one phase, claims work, or shares memory
// between threads. Sizes are small and odd, so that threads share cache lines and outnumber the work.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attention.h"
#include "copy.h"
#include "crossentropy.h"
#include "dropout.h"
#include "embed.h"
#include "glu.h"
#include "harness.h"
#include "host.h"
#include "optimizer.h"
#include "paged.h"
#include "rmsnorm.h"
#include "rope.h"
#include "sample.h"
#include "sum.h"

enum { N = 150, C = 45, H = 4, K = 2, D = 12, R = H + 2 * K, V = 301, LEN = 3 * 1024 };

static const int64_t step[4] = {5, 6, 7, 8};
static const int32_t culens[4] = {0, 70, 70, N};

#define AT(p) ((uintptr_t)(p))

static void issue(team *t, const primer_op table[3], int isa, const void *args, size_t size) {
	team_submit(t, table[isa > ISA_AVX512 ? ISA_AVX512 : isa], args, size);
}
#define ISSUE(op, args) issue(t, primer_##op##_table, isa, &(args), sizeof(args))

static float *values(int64_t n) {
	float *x = aligned_alloc(64, (size_t)(n * 4 + 127) / 64 * 64);
	harness_fill(x, n);
	return x;
}

// rows runs the ops that work row by row, and those that add over rows.
static void rows(team *t, int isa, unsigned char *out) {
	float *x = values(N * 2 * C), *w = values(C), *y = (float *)out, *dx = y + N * C, *rstd = dx + 2 * N * C, *dw = rstd + N, *dtable = dw + C;
	float *work = values((N + RMSNORM_BLOCK) * C);
	int32_t tokens[N];
	for (int i = 0; i < N; i++) tokens[i] = i * i % 11;
	rmsnorm_args norm = {.out = AT(y), .x = AT(x), .w = AT(w), .rstd = AT(rstd), .rows = N, .dim = C, .out_type = DT_F32, .x_type = DT_F32, .w_type = DT_F32, .eps = 1e-5f};
	rmsnorm_backward_args back = {.dx = AT(dx), .dw = AT(dw), .dout = AT(y), .s = AT(x), .rstd = AT(rstd), .w = AT(w), .work = AT(work), .rows = N, .dim = C,
		.dx_type = DT_F32, .dout_type = DT_F32, .dres_type = DT_F32, .s_type = DT_F32, .w_type = DT_F32};
	glu_args glu = {.out = AT(y), .gateup = AT(x), .rows = N, .dim = C, .type = DT_F32};
	glu_args dglu = {.out = AT(dx), .gateup = AT(x), .dout = AT(y), .rows = N, .dim = C, .type = DT_F32};
	dropout_args drop = {.out = AT(y), .x = AT(y), .len = N * C, .dim = C, .drop = {AT(step), 1u << 30, 5, 0, 1.3f}, .type = DT_F32};
	embed_backward_args demb = {.dtable = AT(dtable), .dout = AT(y), .tokens = AT(tokens), .rows = N, .dim = C, .vocab = 11, .type = DT_F32};
	embed_args emb = {.out = AT(y), .table = AT(dtable), .tokens = AT(tokens), .rows = N, .dim = C, .vocab = 11, .out_type = DT_F32, .table_type = DT_F32};
	ISSUE(rmsnorm, norm);
	ISSUE(rmsnorm_backward, back);
	ISSUE(glu, glu);
	ISSUE(dropout, drop);
	ISSUE(glu_backward, dglu);
	ISSUE(embed_backward, demb);
	ISSUE(embed, emb);
	team_wait(t);
	free(x);
	free(w);
	free(work);
}
#define ROWS_BYTES ((3 * N * C + N + C + 11 * C) * 4)

// attend runs rope and attention forward and backward; with few documents the backward pass has two phases.
static void attend(team *t, int isa, unsigned char *out) {
	float *qkv = values(N * R * D), *cosine = values(N * D / 2), *sine = values(N * D / 2), *delta = values(N * H);
	float *o = (float *)out, *lse = o + N * H * D, *dqkv = lse + N * H;
	int32_t positions[N];
	for (int i = 0; i < N; i++) positions[i] = i;
	rope_args rope = {.qkv = AT(qkv), .cos = AT(cosine), .sin = AT(sine), .positions = AT(positions), .rows = N, .row_heads = R, .dim = D, .heads = H + K, .table = N, .type = DT_F32};
	attention_args a = {.out = AT(o), .lse = AT(lse), .qkv = AT(qkv), .culens = AT(culens), .rows = N, .docs = 3, .heads = H, .kv_heads = K, .dim = D, .window = 50,
		.drop = {AT(step), 1u << 30, 3, 0, 1.3f}, .scale = 0.3f, .type = DT_F32};
	attention_backward_args b = {.f = a, .dqkv = AT(dqkv), .dout = AT(o), .delta = AT(delta)};
	ISSUE(rope, rope);
	ISSUE(attention, a);
	ISSUE(attention_backward, b);
	team_wait(t);
	free(qkv);
	free(cosine);
	free(sine);
	free(delta);
}
#define ATTEND_BYTES ((N * H * D + N * H + N * R * D) * 4)

// paged writes a prompt and then attends with a chunk of it and with one decode row, in several splits.
static void paged(team *t, int isa, unsigned char *out) {
	enum { PAGE = 8, PAGES = 40, WIDTH = 20, SPLIT = 32 };
	float *qkv = values(N * R * D), *kc = calloc(PAGES * K * PAGE * D, 4), *vc = calloc(PAGES * K * PAGE * D, 4), *work = values(2 * PAGED_NARROW * H * 5 * 32);
	int64_t slots[N];
	int32_t table[2 * WIDTH], cu[3] = {0, N - 1, N}, lens[2] = {N - 1, N};
	for (int i = 0; i < N; i++) slots[i] = i;
	for (int i = 0; i < 2 * WIDTH; i++) table[i] = i % WIDTH; // both read one prompt
	paged_write_args w = {.kcache = AT(kc), .vcache = AT(vc), .qkv = AT(qkv), .slots = AT(slots), .rows = N, .heads = H, .kv_heads = K, .dim = D, .pages = PAGES, .page_size = PAGE, .type = DT_F32, .cache_type = DT_F32};
	paged_attention_args a = {.out = AT(out), .qkv = AT(qkv), .kcache = AT(kc), .vcache = AT(vc), .table = AT(table), .culens = AT(cu), .lens = AT(lens), .work = AT(work),
		.rows = N, .seqs = 2, .heads = H, .kv_heads = K, .dim = D, .pages = PAGES, .page_size = PAGE, .table_width = WIDTH, .max_len = N, .split = SPLIT, .scale = 0.3f, .type = DT_F32, .cache_type = DT_F32};
	ISSUE(paged_write, w);
	ISSUE(paged_attention, a);
	team_wait(t);
	free(qkv);
	free(kc);
	free(vc);
	free(work);
}
#define PAGED_BYTES (N * H * D * 4)

// train_end runs the loss, sums, the clip factor and AdamW, each of which reads what the one before wrote.
static void train_end(team *t, int isa, unsigned char *out) {
	double *sums = (double *)out;
	float *loss = (float *)(sums + 2), *clip = loss + 9, *master = clip + 3, *m = master + LEN, *v = m + LEN;
	float *logits = values(9 * V), *grad = values(70000), scale = 0.1f, hyper[3] = {1e-2f, 2, 3};
	int32_t targets[9] = {0, 1, 2, 3, 4, 5, 6, 7, V - 1};
	uint8_t decay[3] = {1, 0, 1};
	crossentropy_args ce = {.loss = AT(loss), .logits = AT(logits), .targets = AT(targets), .scale = AT(&scale), .rows = 9, .vocab = V, .type = DT_F32, .gradient = 1};
	sum_args total = {.out = AT(sums), .x = AT(loss), .len = 9, .type = DT_F32}, squares = {.out = AT(sums + 1), .x = AT(grad), .len = 70000, .type = DT_F32, .square = 1};
	clip_args c = {.clip = AT(clip), .sumsq = AT(sums + 1), .loss = AT(sums), .max_norm = 1};
	adamw_args adam = {.master = AT(master), .grad = AT(grad), .m = AT(m), .v = AT(v), .decay = AT(decay), .hyper = AT(hyper), .clip = AT(clip), .step = AT(step),
		.len = LEN, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0.1f, .moment_type = DT_F32};
	ISSUE(crossentropy, ce);
	ISSUE(sum, total);
	ISSUE(sum, squares);
	team_submit(t, primer_clip_table[ISA_GENERIC], &c, sizeof c);
	ISSUE(adamw, adam);
	team_wait(t);
	free(logits);
	free(grad);
}
#define TRAIN_BYTES (16 + (9 + 3 + 3 * LEN) * 4)

static void pick_tokens(team *t, int isa, unsigned char *out) {
	float *logits = values(6 * V), temperature[6] = {0, 1, 1, 0.5f, 2, 1}, top_p[6] = {0, 0, 0.9f, 0.5f, 1, 0}, min_p[6] = {0, 0.1f};
	int32_t top_k[6] = {0, 0, 0, 20, 5, 1}, *tokens = (int32_t *)out;
	int64_t seeds[6] = {1, 2, 3, 4, 5, 6}, positions[6] = {9, 8, 7, 6, 5, 4};
	sample_args s = {.tokens = AT(tokens), .logprobs = AT(tokens + 6), .top_tokens = AT(tokens + 12), .top_logprobs = AT(tokens + 24), .logits = AT(logits),
		.temperature = AT(temperature), .top_k = AT(top_k), .top_p = AT(top_p), .min_p = AT(min_p), .seeds = AT(seeds), .positions = AT(positions),
		.rows = 6, .vocab = V, .top = 2, .type = DT_F32};
	ISSUE(sample, s);
	team_wait(t);
	free(logits);
}

// embed_fails lets an op fail before its barrier: threads that come to it late must take part in it nevertheless, and the next op
// must find all of them behind it. A team that loses step hangs, so there is a limit.
static void embed_fails(team *t, int isa, unsigned char *out) {
	float *dout = values(N * C), *dtable = (float *)out;
	int32_t good[N], bad[N];
	for (int i = 0; i < N; i++) bad[i] = good[i] = i * i % 11;
	bad[0] = 11;
	embed_backward_args ok = {.dtable = AT(dtable), .dout = AT(dout), .tokens = AT(good), .rows = N, .dim = C, .vocab = 11, .type = DT_F32}, fails = ok;
	fails.tokens = AT(bad);
	fill_args skipped = {.dst = out, .bytes = 8, .pattern = 1};
	uint64_t first;
	char text[64];
	alarm(120);
	for (int i = 0; i < 200; i++) {
		ISSUE(embed_backward, fails);
		team_submit(t, primer_fill, &skipped, sizeof skipped);
		if (!team_failure(t, text, sizeof text, 1)) abort();
		if (memcpy(&first, out, 8), first == 1) abort();
		ISSUE(embed_backward, ok);
	}
	team_wait(t);
	alarm(0);
	free(dout);
}

const harness_case harness_ops[] = {
	{"norm, glu, dropout, embed", ROWS_BYTES, rows}, {"rope, attention", ATTEND_BYTES, attend}, {"paged", PAGED_BYTES, paged},
	{"loss, sums, adamw", TRAIN_BYTES, train_end},   {"sample", 36 * 4, pick_tokens},           {"embed fails", 11 * C * 4, embed_fails},
	{0},
};
