// Sums for one instruction set; see sum.c.

typedef double FN(vd) __attribute__((vector_size(4 * W), may_alias));
typedef float FN(vhalf) __attribute__((vector_size(2 * W), may_alias));

// sum_add adds W floats, or their squares, to two vectors of doubles.
INL void FN(sum_add)(vf x, FN(vd) * lo, FN(vd) * hi, int square)
{
	FN(vhalf) half[2];
	memcpy(half, &x, sizeof half);
	FN(vd) a = __builtin_convertvector(half[0], FN(vd)), b = __builtin_convertvector(half[1], FN(vd));
	if (square) {
		a *= a;
		b *= b;
	}
	*lo += a;
	*hi += b;
}

INL double FN(sum_part)(const void *x, int64_t from, int64_t to, int t, int square)
{
	FN(vd) acc[4] = {{0}};
	int64_t i = from;
	for (; i + 2 * W <= to; i += 2 * W) {
		FN(sum_add)(v_ld(x, i, W, t), &acc[0], &acc[1], square);
		FN(sum_add)(v_ld(x, i + W, W, t), &acc[2], &acc[3], square);
	}
	for (; i < to; i += W)
		FN(sum_add)(v_ld(x, i, vec_min(W, to - i), t), &acc[0], &acc[1], square);
	FN(vd) all = (acc[0] + acc[1]) + (acc[2] + acc[3]);
	double s = 0;
	for (int j = 0; j < W / 2; j++)
		s += all[j];
	return s;
}

INL double FN(sum_any)(const sum_args *a, int64_t from, int64_t to)
{
	const void *x = (const void *)a->x;
	if (a->type == DT_BF16)
		return FN(sum_part)(x, from, to, DT_BF16, a->square);
	if (a->square)
		return FN(sum_part)(x, from, to, DT_F32, 1);
	return FN(sum_part)(x, from, to, DT_F32, 0);
}

void FN(primer_sum)(worker *w, const void *args)
{
	const sum_args *a = args;
	double *parts = team_shared(w), total = 0;
	int64_t count = (a->len + SUM_PART - 1) / SUM_PART, from, to;
	if (w->tid == 0 && a->accumulate)
		total = *(double *)a->out;
	for (int64_t base = 0; base < count; base += SUM_PARTS) {
		int64_t n = vec_min(SUM_PARTS, count - base);
		while (team_claim(w, 0, n, 1, &from, &to))
			parts[from] = FN(sum_any)(a, (base + from) * SUM_PART, vec_min(a->len, (base + to) * SUM_PART));
		team_barrier(w);
		if (w->tid == 0) {
			for (int64_t i = 0; i < n; i++)
				total += parts[i];
			team_rewind(w, 0);
		}
		team_barrier(w);
	}
	if (w->tid == 0)
		*(double *)a->out = total;
}
