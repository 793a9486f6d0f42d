// RMSNorm for one instruction set; see rmsnorm.c.

// norm_add reads k elements of s = x + residual, stores them where Sum is given and returns what a reader of Sum sees.
INL vf FN(norm_add)(const char *x, const char *res, char *sum, int64_t i, int64_t k, int xt)
{
	vf s = v_ld(x, i, k, xt);
	if (res)
		s += v_ld(res, i, k, xt);
	if (sum) {
		v_st(sum, i, k, s, xt);
		if (xt == DT_BF16)
			s = v_from_bf16(v_to_bf16(s));
	}
	return s;
}

INL void FN(norm_row)(const rmsnorm_args *a, int64_t n, int xt, int ot, int wt)
{
	int64_t c = a->dim, i = 0, at = n * c * dt_size(xt);
	const char *x = (const char *)a->x + at, *res = a->residual ? (const char *)a->residual + at : 0;
	char *sum = a->sum ? (char *)a->sum + at : 0, *out = (char *)a->out + n * c * dt_size(ot);
	vf acc[4] = {{0}};
	for (; i + 4 * W <= c; i += 4 * W)
		for (int u = 0; u < 4; u++) {
			vf s = FN(norm_add)(x, res, sum, i + u * W, W, xt);
			acc[u] = v_fma(s, s, acc[u]);
		}
	for (; i < c; i += W) {
		vf s = FN(norm_add)(x, res, sum, i, vec_min(W, c - i), xt);
		acc[0] = v_fma(s, s, acc[0]);
	}
	float r = 1.0f / sqrtf(v_sum((acc[0] + acc[1]) + (acc[2] + acc[3])) / (float)c + a->eps);
	if (a->rstd)
		((float *)a->rstd)[n] = r;
	const char *s = sum ? sum : x;
	vf rv = v_set1(r);
	for (i = 0; i + W <= c; i += W)
		v_st(out, i, W, v_ld(s, i, W, xt) * rv * v_ld((const void *)a->w, i, W, wt), ot);
	if (i < c)
		v_st(out, i, c - i, v_ld(s, i, c - i, xt) * rv * v_ld((const void *)a->w, i, c - i, wt), ot);
}

void FN(primer_rmsnorm)(worker *w, const void *args)
{
	const rmsnorm_args *a = args;
	int64_t from, to, grain = vec_max(1, 16384 / vec_max(a->dim, 1));
	while (team_claim(w, 0, a->rows, grain, &from, &to))
		for (int64_t n = from; n < to; n++) {
			if (a->x_type == DT_F32 && a->out_type == DT_F32 && a->w_type == DT_F32)
				FN(norm_row)(a, n, DT_F32, DT_F32, DT_F32);
			else if (a->x_type == DT_BF16 && a->out_type == DT_BF16 && a->w_type == DT_BF16)
				FN(norm_row)(a, n, DT_BF16, DT_BF16, DT_BF16);
			else
				FN(norm_row)(a, n, a->x_type, a->out_type, a->w_type);
		}
}

typedef struct {
	const char *dout, *s, *w, *res; // one row each; res may be 0
	char *dx;
	float *dw; // the block's partial sums
	float r, coef;
} FN(norm_back);

// norm_grad writes k elements of dx = dresidual + r·g − s·coef and adds dout·s·r to the block's dw.
INL void FN(norm_grad)(const FN(norm_back) * b, int64_t i, int64_t k, const rmsnorm_backward_args *a, int t)
{
	int dt = t ? t : a->dout_type, st = t ? t : a->s_type, wt = t ? t : a->w_type;
	vf d = v_ld(b->dout, i, k, dt), s = v_ld(b->s, i, k, st), r = v_set1(b->r);
	vf dx = r * (d * v_ld(b->w, i, k, wt)) - s * v_set1(b->coef);
	if (b->res)
		dx += v_ld(b->res, i, k, t ? t : a->dres_type);
	v_st(b->dx, i, k, dx, t ? t : a->dx_type);
	v_storen(b->dw + i, v_fma(d, s * r, v_loadn(b->dw + i, k)), k);
}

// t is the dtype of all tensors, or 0 when they differ.
INL void FN(norm_back_row)(const rmsnorm_backward_args *a, int64_t n, float *dw, int t)
{
	int64_t c = a->dim, i = 0;
	int dt = t ? t : a->dout_type, st = t ? t : a->s_type, wt = t ? t : a->w_type;
	FN(norm_back) b = {
		.dout = (const char *)a->dout + n * c * dt_size(a->dout_type),
		.s = (const char *)a->s + n * c * dt_size(a->s_type),
		.w = (const char *)a->w,
		.res = a->dresidual ? (const char *)a->dresidual + n * c * dt_size(a->dres_type) : 0,
		.dx = (char *)a->dx + n * c * dt_size(a->dx_type),
		.dw = dw,
		.r = ((const float *)a->rstd)[n],
	};
	vf acc[4] = {{0}};
	for (; i + 4 * W <= c; i += 4 * W)
		for (int u = 0; u < 4; u++) {
			int64_t j = i + u * W;
			acc[u] = v_fma(v_ld(b.dout, j, W, dt) * v_ld(b.w, j, W, wt), v_ld(b.s, j, W, st), acc[u]);
		}
	for (; i < c; i += W) {
		int64_t k = vec_min(W, c - i);
		acc[0] = v_fma(v_ld(b.dout, i, k, dt) * v_ld(b.w, i, k, wt), v_ld(b.s, i, k, st), acc[0]);
	}
	float dot = v_sum((acc[0] + acc[1]) + (acc[2] + acc[3]));
	b.coef = b.r * b.r * b.r * (dot / (float)c);
	for (i = 0; i + W <= c; i += W)
		FN(norm_grad)(&b, i, W, a, t);
	if (i < c)
		FN(norm_grad)(&b, i, c - i, a, t);
}

// norm_dw adds the blocks' partial sums of columns [from, to) in order.
static void FN(norm_dw)(const rmsnorm_backward_args *a, int64_t blocks, int64_t from, int64_t to)
{
	float *dw = (float *)a->dw;
	const float *part = (const float *)a->work;
	for (int64_t i = from; i < to; i += W) {
		int64_t k = vec_min(W, to - i);
		vf acc = a->accumulate ? v_loadn(dw + i, k) : v_set1(0);
		for (int64_t b = 0; b < blocks; b++)
			acc += v_loadn(part + b * a->dim + i, k);
		v_storen(dw + i, acc, k);
	}
}

void FN(primer_rmsnorm_backward)(worker *w, const void *args)
{
	const rmsnorm_backward_args *a = args;
	int64_t blocks = (a->rows + RMSNORM_BLOCK - 1) / RMSNORM_BLOCK, from, to;
	int t = a->s_type;
	if (a->dx_type != t || a->dout_type != t || a->w_type != t || (a->dresidual && a->dres_type != t))
		t = 0;
	while (team_claim(w, 0, blocks, 1, &from, &to)) {
		float *dw = (float *)a->work + from * a->dim;
		memset(dw, 0, (size_t)a->dim * sizeof *dw);
		for (int64_t n = from * RMSNORM_BLOCK; n < vec_min(a->rows, to * RMSNORM_BLOCK); n++) {
			if (t == DT_F32)
				FN(norm_back_row)(a, n, dw, DT_F32);
			else if (t == DT_BF16)
				FN(norm_back_row)(a, n, dw, DT_BF16);
			else
				FN(norm_back_row)(a, n, dw, 0);
		}
	}
	team_barrier(w);
	team_split(w, a->dim, 16, &from, &to);
	FN(norm_dw)(a, blocks, from, to);
}
