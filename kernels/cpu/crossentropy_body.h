// Cross-entropy for one instruction set; see crossentropy.c.

#include "logsum_body.h"

INL void FN(ce_gradient)(char *x, int64_t v, float base, float factor, int t)
{
	vf b = v_set1(base), f = v_set1(factor);
	int64_t i = 0;
	for (; i + 4 * W <= v; i += 4 * W) {
		vf p[4];
		for (int u = 0; u < 4; u++)
			p[u] = v_ld(x, i + u * W, W, t) - b;
		v_exp_le(p, 4);
		for (int u = 0; u < 4; u++)
			v_st(x, i + u * W, W, p[u] * f, t);
	}
	for (; i < v; i += W) {
		int64_t k = vec_min(W, v - i);
		vf p = v_ld(x, i, k, t) - b;
		v_exp_le(&p, 1);
		v_st(x, i, k, p * f, t);
	}
}

// ce_first returns the first logit that equals the maximum; a leading NaN, which nothing exceeds, is its own maximum.
static int32_t FN(ce_first)(const FN(logsum) * s, const char *x, int64_t v, int t)
{
	float first = ld1(x, 0, t);
	if (first != first)
		return 0;
	int64_t i = s->chunk;
	while (i < v && ld1(x, i, t) != s->max)
		i++;
	return i < v ? (int32_t)i : 0;
}

INL void FN(ce_row)(const crossentropy_args *a, int64_t n, int64_t target, int t)
{
	char *x = (char *)a->logits + n * a->vocab * dt_size(t);
	FN(logsum) s = FN(logsum_row)(x, a->vocab, t);
	float right = ld1(x, target, t);
	((float *)a->loss)[n] = (float)((double)s.base + log(s.sum) - (double)right);
	if (a->argmax)
		((int32_t *)a->argmax)[n] = FN(ce_first)(&s, x, a->vocab, t);
	if (!a->gradient)
		return;
	double scale = *(const float *)a->scale, p = exp((double)right - (double)s.base) / s.sum;
	FN(ce_gradient)(x, a->vocab, s.base, (float)(scale / s.sum), t);
	st1(x, target, (float)(scale * (p - 1.0)), t);
}

void FN(primer_crossentropy)(worker *w, const void *args)
{
	const crossentropy_args *a = args;
	int64_t from, to, grain = vec_max(1, 4096 / a->vocab);
	while (team_claim(w, 0, a->rows, grain, &from, &to))
		for (int64_t n = from; n < to; n++) {
			int64_t target = ((const int32_t *)a->targets)[n];
			if (a->mask && !((const uint8_t *)a->mask)[n]) {
				((float *)a->loss)[n] = 0;
				if (a->argmax)
					((int32_t *)a->argmax)[n] = -1;
				if (a->gradient)
					memset((char *)a->logits + n * a->vocab * dt_size(a->type), 0, (size_t)(a->vocab * dt_size(a->type)));
			} else if (target < 0 || target >= a->vocab) {
				team_fail(w, "cross_entropy", "row %lld: target %lld outside [0,%lld)", (long long)n, (long long)target, (long long)a->vocab);
			} else if (a->type == DT_BF16) {
				FN(ce_row)(a, n, target, DT_BF16);
			} else {
				FN(ce_row)(a, n, target, DT_F32);
			}
		}
}
