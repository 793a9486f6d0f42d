// Rope for one instruction set; see rope.c.

INL void FN(rope_pair)(char *q, int64_t i, int64_t half, int64_t k, const float *cos, const float *sin, float sign, int t)
{
	vf a = v_ld(q, i, k, t), b = v_ld(q, i + half, k, t);
	vf c = v_loadn(cos + i, k), s = v_loadn(sin + i, k) * v_set1(sign);
	v_st(q, i, k, a * c - b * s, t);
	v_st(q, i + half, k, b * c + a * s, t);
}

INL void FN(rope_row)(const rope_args *a, int64_t n, int64_t position, int t)
{
	int64_t half = a->dim / 2, i;
	const float *cos = (const float *)a->cos + position * half, *sin = (const float *)a->sin + position * half;
	float sign = a->inverse ? -1.0f : 1.0f;
	for (int64_t h = 0; h < a->heads; h++) {
		char *q = (char *)a->qkv + (n * a->row_heads + h) * a->dim * dt_size(t);
		for (i = 0; i + W <= half; i += W)
			FN(rope_pair)(q, i, half, W, cos, sin, sign, t);
		if (i < half)
			FN(rope_pair)(q, i, half, half - i, cos, sin, sign, t);
	}
}

void FN(primer_rope)(worker *w, const void *args)
{
	const rope_args *a = args;
	const int32_t *positions = (const int32_t *)a->positions;
	int64_t from, to, grain = vec_max(1, 16384 / vec_max(1, a->heads * a->dim));
	while (team_claim(w, 0, a->rows, grain, &from, &to))
		for (int64_t n = from; n < to; n++) {
			int64_t p = positions[n];
			if (p < 0 || p >= a->table)
				team_fail(w, "rope", "row %lld: position %lld outside [0,%lld)", (long long)n, (long long)p, (long long)a->table);
			else if (a->type == DT_BF16)
				FN(rope_row)(a, n, p, DT_BF16);
			else
				FN(rope_row)(a, n, p, DT_F32);
		}
}
