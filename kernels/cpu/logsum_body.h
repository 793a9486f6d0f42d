// logsum_body.h: maximum and sum of exponentials of a row of logits in one pass, for one instruction set. Shared by the loss
// and by sampling.

#undef LOGSUM_CHUNK
#define LOGSUM_CHUNK 2048

typedef struct {
	double sum;    // Σ exp(x − base)
	float max, base; // base: max, or 0 where no logit is above −inf
	int64_t chunk; // where the first maximum lies
} FN(logsum);

// logit_ld reads k logits; lanes past them are −inf.
INL vf FN(logit_ld)(const char *x, int64_t i, int64_t k, int t)
{
	vf v = v_ld(x, i, k, t);
	if (k == W)
		return v;
	return v_sel((vi)(v_iota() < (uint32_t)k), v, v_set1(-INFINITY));
}

// logsum_chunk takes logits [from, to), few enough to be read twice from the first cache, into the running statistics.
INL void FN(logsum_chunk)(FN(logsum) * s, const char *x, int64_t from, int64_t to, int t)
{
	vf m = v_set1(-INFINITY), m2 = m;
	int64_t i = from;
	for (; i + 2 * W <= to; i += 2 * W) {
		m = v_max(FN(logit_ld)(x, i, W, t), m);
		m2 = v_max(FN(logit_ld)(x, i + W, W, t), m2);
	}
	for (; i < to; i += W)
		m = v_max(FN(logit_ld)(x, i, vec_min(W, to - i), t), m);
	float top = v_hmax(v_max(m, m2));
	if (top > s->max) {
		s->sum *= exp((double)s->max - (double)top);
		s->max = s->base = top;
		s->chunk = from;
	}
	vf base = v_set1(s->base), sum[4] = {{0}};
	for (i = from; i + 4 * W <= to; i += 4 * W) {
		vf p[4];
		for (int u = 0; u < 4; u++)
			p[u] = FN(logit_ld)(x, i + u * W, W, t) - base;
		v_exp_le(p, 4);
		for (int u = 0; u < 4; u++)
			sum[u] += p[u];
	}
	for (; i < to; i += W) {
		vf p = FN(logit_ld)(x, i, vec_min(W, to - i), t) - base;
		v_exp_le(&p, 1);
		sum[0] += p;
	}
	s->sum += v_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// logsum_row is the statistics of one row.
INL FN(logsum) FN(logsum_row)(const char *x, int64_t n, int t)
{
	FN(logsum) s = {.max = -INFINITY};
	for (int64_t i = 0; i < n; i += LOGSUM_CHUNK)
		FN(logsum_chunk)(&s, x, i, vec_min(n, i + LOGSUM_CHUNK), t);
	return s;
}
