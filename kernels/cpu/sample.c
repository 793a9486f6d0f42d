// Sampling with log-probabilities.
//
// Method: one row, one thread. Tokens are 64-bit keys, logit descending above, token ascending below, so that "the m most
// probable, ties by lower id" is a selection of the m smallest keys, in linear time. Top-p sorts the 256 best, and eight
// times as many again while they do not reach it. Probabilities are F32, their sums F64. A row with edits draws from an edited
// copy of its logits, which becomes its probabilities in place.
#include "philox.h"
#include "sample.h"
#include "vec.h"

enum { PURPOSE_SAMPLE = 7 }; // kernels.PurposeSample

// sample_key orders by falling logit, then by rising token.
static inline uint64_t sample_key(float logit, int64_t token)
{
	uint32_t u = bits_of_f32(logit + 0.0f); // -0 is 0
	u = u & 0x80000000u ? ~u : u | 0x80000000u;
	return (uint64_t)~u << 32 | (uint32_t)token;
}

static inline void swap_keys(uint64_t *a, uint64_t *b)
{
	uint64_t t = *a;
	*a = *b;
	*b = t;
}

// select_keys brings the m smallest of n different keys to the front, in any order (Hoare's quickselect).
static void select_keys(uint64_t *k, int64_t n, int64_t m)
{
	int64_t lo = 0, hi = n - 1;
	while (lo < hi && m > 0 && m < n) {
		uint64_t a = k[lo], b = k[(lo + hi) / 2], c = k[hi];
		uint64_t pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
		int64_t i = lo, j = hi;
		while (i <= j) {
			while (k[i] < pivot)
				i++;
			while (k[j] > pivot)
				j--;
			if (i <= j)
				swap_keys(&k[i++], &k[j--]);
		}
		if (m - 1 <= j)
			hi = j;
		else if (m - 1 >= i)
			lo = i;
		else
			return;
	}
}

static void sift(uint64_t *k, int64_t i, int64_t n)
{
	for (int64_t c; (c = 2 * i + 1) < n; i = c) {
		if (c + 1 < n && k[c + 1] > k[c])
			c++;
		if (k[i] >= k[c])
			return;
		swap_keys(&k[i], &k[c]);
	}
}

// sort_keys sorts in place, without memory (heap sort).
static void sort_keys(uint64_t *k, int64_t n)
{
	for (int64_t i = n / 2 - 1; i >= 0; i--)
		sift(k, i, n);
	for (int64_t i = n - 1; i > 0; i--) {
		swap_keys(&k[0], &k[i]);
		sift(k, 0, i);
	}
}

// nucleus returns how many of the n kept tokens, the first n keys, stay under top-p and min-p, and sorts these to the front.
static int64_t nucleus(uint64_t *keys, int64_t n, const float *p, float top_p, float min_p)
{
	double total = 0, sum = 0;
	int64_t sorted = 0, kept = 0;
	for (int64_t i = 0; i < n; i++)
		total += p[(uint32_t)keys[i]];
	if (!(top_p > 0 && top_p < 1))
		top_p = 2; // never reached
	for (int64_t m = 256; kept < n; kept++) {
		if (kept == sorted) {
			int64_t more = vec_min(m, n) - sorted;
			select_keys(keys + sorted, n - sorted, more);
			sort_keys(keys + sorted, more);
			sorted += more;
			m *= 8;
		}
		double q = p[(uint32_t)keys[kept]];
		if (kept > 0 && q < (double)min_p * p[(uint32_t)keys[0]])
			return kept;
		sum += q / total;
		if (sum >= (double)top_p)
			return kept + 1;
	}
	return kept;
}

// draw returns the first of n tokens, in id order, whose cumulative probability exceeds u.
static int32_t draw(uint64_t *keys, int64_t n, const float *p, double u)
{
	double total = 0, sum = 0;
	for (int64_t i = 0; i < n; i++)
		keys[i] = (uint32_t)keys[i];
	sort_keys(keys, n);
	for (int64_t i = 0; i < n; i++)
		total += p[keys[i]];
	for (int64_t i = 0; i < n; i++)
		if ((sum += p[keys[i]] / total) > u)
			return (int32_t)keys[i];
	return (int32_t)keys[n - 1];
}

// draw_all is draw over the whole vocabulary, without those below bound.
static int32_t draw_all(const float *p, int64_t n, double bound, double u)
{
	double total = 0, sum = 0;
	int32_t last = 0;
	for (int64_t i = 0; i < n; i++)
		total += p[i] >= bound ? p[i] : 0;
	for (int64_t i = 0; i < n; i++)
		if (p[i] >= bound) {
			last = (int32_t)i;
			if ((sum += p[i] / total) > u)
				return last;
		}
	return last;
}

// edit_row makes the edits of row s in a copy of its logits and returns whether they could be made.
static int edit_row(worker *w, const sample_args *a, int64_t s, float *logits)
{
	int64_t from = ((const int32_t *)a->edit_offsets)[s], to = ((const int32_t *)a->edit_offsets)[s + 1];
	if (from < 0 || to < from || to > a->edits) {
		team_fail(w, "sample", "row %lld: edits %lld to %lld of %lld", (long long)s, (long long)from, (long long)to, (long long)a->edits);
		return 0;
	}
	for (int64_t e = from; e < to; e++) {
		int32_t token = ((const int32_t *)a->edit_tokens)[e];
		float factor = ((const float *)a->edit_factors)[e];
		if (token < 0 || token >= a->vocab) {
			team_fail(w, "sample", "row %lld: edited token %d outside the vocabulary", (long long)s, token);
			return 0;
		}
		float l = logits[token] < 0 ? logits[token] * factor : logits[token] / factor;
		logits[token] = l + ((const float *)a->edit_adds)[e];
	}
	return 1;
}

#define BODY "sample_body.h"
#include "each_isa.h"

PRIMER_TABLE(sample);
