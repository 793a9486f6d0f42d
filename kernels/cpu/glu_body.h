// The gated linear unit for one instruction set; see glu.c.

// silu_slope is s + y·(1 − s), which has a zero: the product is not rounded.
INL vf FN(silu_slope)(vf s, vf y)
{
#if W > 4
	return v_fma(y, v_set1(1) - s, s);
#else
	for (int i = 0; i < W; i++)
		s[i] = (float)((double)s[i] + (double)y[i] * (1.0 - (double)s[i]));
	return s;
#endif
}

// act makes y[u] = act(x[u]) and d[u] its derivative, for n vectors at a time.
INL void FN(act)(const vf *x, vf *y, vf *d, const int n, int kind)
{
	const float c = 1.5957691216f; // 2·sqrt(2/π)
	vf one = v_set1(1), zero = v_set1(0), s[4];
	for (int u = 0; u < n; u++) {
		s[u] = x[u];
		if (kind == ACT_GELU)
			s[u] = v_set1(c) * v_fma(x[u] * (x[u] * x[u]), v_set1(0.044715f), x[u]);
	}
	if (kind != ACT_RELU)
		v_sigmoid(s, n);
	for (int u = 0; u < n; u++) {
		y[u] = x[u] * s[u];
		if (kind == ACT_RELU) {
			y[u] = v_max(zero, x[u]);
			d[u] = v_sel(((vi)x[u] > 0) | (x[u] != x[u]), one, zero); // as integers: denormals are not flushed
		} else if (kind == ACT_SILU) {
			d[u] = FN(silu_slope)(s[u], y[u]);
		} else {
			d[u] = v_fma(y[u] * (one - s[u]), v_fma(x[u] * x[u], v_set1(c * 0.134145f), v_set1(c)), s[u]);
		}
	}
}

// glu_at computes n vectors from column f on; of the last one, k elements.
INL void FN(glu_at)(const glu_args *a, int64_t row, int64_t f, const int n, int64_t k, int t, int kind, int back)
{
	int64_t gate = row * 2 * a->dim + f, up = gate + a->dim, at = row * a->dim + f;
	const void *gu = (const void *)a->gateup;
	void *out = (void *)a->out;
	vf g[4], y[4], d[4];
	for (int u = 0; u < n; u++)
		g[u] = v_ld(gu, gate + u * W, k, t);
	FN(act)(g, y, d, n, kind);
	for (int u = 0; u < n; u++) {
		vf x = v_ld(gu, up + u * W, k, t);
		if (!back) {
			v_st(out, at + u * W, k, y[u] * x, t);
			continue;
		}
		vf dy = v_ld((const void *)a->dout, at + u * W, k, t);
		v_st(out, gate + u * W, k, dy * x * d[u], t);
		v_st(out, up + u * W, k, dy * y[u], t);
	}
}

INL void FN(glu_piece)(const glu_args *a, int64_t n, int64_t from, int64_t to, int t, int kind, int back)
{
	int64_t f = from;
	for (; f + 4 * W <= to; f += 4 * W)
		FN(glu_at)(a, n, f, 4, W, t, kind, back);
	for (; f < to; f += W)
		FN(glu_at)(a, n, f, 1, vec_min(W, to - f), t, kind, back);
}

INL void FN(glu_any)(const glu_args *a, int64_t n, int64_t from, int64_t to, int t, int back)
{
	if (a->act == ACT_SILU)
		FN(glu_piece)(a, n, from, to, t, ACT_SILU, back);
	else if (a->act == ACT_GELU)
		FN(glu_piece)(a, n, from, to, t, ACT_GELU, back);
	else
		FN(glu_piece)(a, n, from, to, t, ACT_RELU, back);
}

INL void FN(glu_run)(worker *w, const glu_args *a, int back)
{
	int64_t pieces = (a->dim + GLU_PIECE - 1) / GLU_PIECE, from, to, total = a->rows * pieces;
	int64_t grain = total > 64 * w->n ? 8 : 1;
	while (team_claim(w, 0, total, grain, &from, &to))
		for (int64_t p = from; p < to; p++) {
			int64_t n = p / pieces, f = p % pieces * GLU_PIECE, end = vec_min(a->dim, f + GLU_PIECE);
			if (a->type == DT_BF16)
				FN(glu_any)(a, n, f, end, DT_BF16, back);
			else
				FN(glu_any)(a, n, f, end, DT_F32, back);
		}
}

void FN(primer_glu)(worker *w, const void *args) { FN(glu_run)(w, args, 0); }

void FN(primer_glu_backward)(worker *w, const void *args) { FN(glu_run)(w, args, 1); }
