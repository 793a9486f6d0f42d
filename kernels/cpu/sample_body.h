// Sampling for one instruction set; see sample.c.
#include "logsum_body.h"

// usable reports whether a row has no NaN, no +Inf and some finite logit.
INL int FN(usable)(const char *x, int64_t n, int t)
{
	vi bad_lanes = {0}, finite = {0};
	for (int64_t i = 0; i < n; i += W) {
		vf v = FN(logit_ld)(x, i, vec_min(W, n - i), t);
		bad_lanes |= (v != v) | (v == v_set1(INFINITY));
		finite |= (v - v) == v_set1(0);
	}
	int bad = 0, good = 0;
	for (int i = 0; i < W; i++) {
		bad |= bad_lanes[i];
		good |= finite[i];
	}
	return good && !bad;
}

// tempered writes exp((x - max)/temperature); p may be where x is.
INL void FN(tempered)(const char *x, int64_t n, int t, float max, float temperature, float *p)
{
	vf m = v_set1(max), d = v_set1(temperature);
	for (int64_t i = 0; i < n; i += W) {
		int64_t k = vec_min(W, n - i);
		vf e = (v_ld(x, i, k, t) - m) / d;
		v_exp_le(&e, 1);
		v_storen(p + i, e, k);
	}
}

static void FN(sample_keys)(uint64_t *keys, const char *x, int64_t n, int t)
{
	for (int64_t i = 0; i < n; i++)
		keys[i] = sample_key(ld1(x, i, t), i);
}

// first_largest is the first token that has the largest logit.
INL int32_t FN(first_largest)(const char *x, int t, const FN(logsum) * stats)
{
	int64_t i = stats->chunk;
	while (ld1(x, i, t) != stats->max)
		i++;
	return (int32_t)i;
}

// sample_token picks the token of row s from logits x of type t; keys and p are scratch, and p may be where x is.
static int32_t FN(sample_token)(const sample_args *a, int64_t s, const char *x, int t, const FN(logsum) * stats, uint64_t *keys, float *p)
{
	float temperature = ((const float *)a->temperature)[s], top_p = ((const float *)a->top_p)[s], min_p = ((const float *)a->min_p)[s];
	int64_t top_k = ((const int32_t *)a->top_k)[s], n = a->vocab;
	if (temperature == 0)
		return FN(first_largest)(x, t, stats);
	philox_key key = philox_subkey((uint64_t)((const int64_t *)a->seeds)[s], PURPOSE_SAMPLE, (uint64_t)((const int64_t *)a->positions)[s], 0);
	uint32_t c[4] = {0};
	philox(key, c);
	double u = (double)(c[0] >> 8) * 0x1p-24;
	int narrow = top_k > 0 && top_k < n, all = !narrow && !(top_p > 0 && top_p < 1);
	if (!all)
		FN(sample_keys)(keys, x, n, t);
	FN(tempered)(x, n, t, stats->max, temperature, p);
	if (all)
		return draw_all(p, n, min_p, u); // the largest has p = 1
	if (narrow) {
		select_keys(keys, n, top_k);
		n = top_k;
	}
	return draw(keys, nucleus(keys, n, p, top_p, min_p), p, u);
}

// sample_edited picks the token of a row that has edits; -1 if it fails.
static int32_t FN(sample_edited)(worker *w, const sample_args *a, int64_t s, const char *x, uint64_t *keys, float *p)
{
	memcpy(p, x, (size_t)a->vocab * sizeof *p);
	if (!edit_row(w, a, s, p))
		return -1;
	if (!FN(usable)((const char *)p, a->vocab, a->type)) {
		team_fail(w, "sample", "row %lld has a NaN or +Inf, or no finite logit", (long long)s);
		return -1;
	}
	FN(logsum) stats = FN(logsum_row)((const char *)p, a->vocab, a->type);
	return FN(sample_token)(a, s, (const char *)p, a->type, &stats, keys, p);
}

// sample_top writes the most probable tokens of a row; the first of them is known.
static void FN(sample_top)(const sample_args *a, int64_t s, const char *x, int32_t first, double lse, uint64_t *keys)
{
	if (a->top > 1) {
		FN(sample_keys)(keys, x, a->vocab, a->type);
		select_keys(keys, a->vocab, a->top);
		sort_keys(keys, a->top);
	} else {
		keys[0] = (uint64_t)first;
	}
	for (int64_t i = 0; i < a->top; i++) {
		int32_t token = (int32_t)(uint32_t)keys[i];
		((int32_t *)a->top_tokens)[s * a->top + i] = token;
		((float *)a->top_logprobs)[s * a->top + i] = (float)((double)ld1(x, token, a->type) - lse);
	}
}

static void FN(sample_row)(worker *w, const sample_args *a, int64_t s)
{
	const char *x = (const char *)a->logits + s * a->vocab * dt_size(a->type);
	uint64_t *keys = team_scratch(w);
	float *p = (float *)(keys + a->vocab);
	if (!FN(usable)(x, a->vocab, a->type)) {
		team_fail(w, "sample", "row %lld has a NaN or +Inf, or no finite logit", (long long)s);
		return;
	}
	FN(logsum) stats = FN(logsum_row)(x, a->vocab, a->type);
	double lse = (double)stats.base + log(stats.sum);
	int32_t token = a->given ? ((const int32_t *)a->given)[s] : -1;
	if (token < -1 || token >= a->vocab) {
		team_fail(w, "sample", "row %lld: given token %d outside the vocabulary", (long long)s, token);
		return;
	}
	if (token < 0) {
		int edited = a->edit_offsets && ((const int32_t *)a->edit_offsets)[s] != ((const int32_t *)a->edit_offsets)[s + 1];
		token = edited ? FN(sample_edited)(w, a, s, x, keys, p) : FN(sample_token)(a, s, x, a->type, &stats, keys, p);
		if (token < 0)
			return;
	}
	((int32_t *)a->tokens)[s] = token;
	((float *)a->logprobs)[s] = (float)((double)ld1(x, token, a->type) - lse);
	if (a->top_tokens && a->top > 0)
		FN(sample_top)(a, s, x, FN(first_largest)(x, a->type, &stats), lse, keys);
}

void FN(primer_sample)(worker *w, const void *args)
{
	const sample_args *a = args;
	int64_t from, to;
	while (team_claim(w, 0, a->rows, 1, &from, &to))
		FN(sample_row)(w, a, from);
}
