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

// act returns act(x) and, in *d, its derivative.
INL vf FN(act)(vf x, int kind, vf *d)
{
	vf one = v_set1(1);
	if (kind == ACT_RELU) {
		vf zero = v_set1(0);
		*d = v_sel(((vi)x > 0) | (x != x), one, zero); // as integers: denormals are not flushed
		return v_max(zero, x);
	}
	if (kind == ACT_SILU) {
		vf s = v_sigmoid(x), y = x * s;
		*d = FN(silu_slope)(s, y);
		return y;
	}
	const float c = 1.5957691216f; // 2·sqrt(2/π)
	vf x2 = x * x;
	vf s = v_sigmoid(v_set1(c) * v_fma(x * x2, v_set1(0.044715f), x)), y = x * s;
	*d = v_fma(y * (one - s), v_fma(x2, v_set1(c * 0.134145f), v_set1(c)), s);
	return y;
}

INL void FN(glu_at)(const glu_args *a, int64_t n, int64_t f, int64_t k, int t, int kind, int back)
{
	int64_t gate = n * 2 * a->dim + f, up = gate + a->dim, at = n * a->dim + f;
	const void *gu = (const void *)a->gateup;
	void *out = (void *)a->out;
	vf g = v_ld(gu, gate, k, t), u = v_ld(gu, up, k, t), d, y = FN(act)(g, kind, &d);
	if (!back) {
		v_st(out, at, k, y * u, t);
		return;
	}
	vf dy = v_ld((const void *)a->dout, at, k, t);
	v_st(out, gate, k, dy * u * d, t);
	v_st(out, up, k, dy * y, t);
}

INL void FN(glu_piece)(const glu_args *a, int64_t n, int64_t from, int64_t to, int t, int kind, int back)
{
	int64_t f = from;
	for (; f + W <= to; f += W)
		FN(glu_at)(a, n, f, W, t, kind, back);
	if (f < to)
		FN(glu_at)(a, n, f, to - f, t, kind, back);
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
