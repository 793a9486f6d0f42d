// Embedding for one instruction set; see embed.c.

INL vf FN(ld_f16)(const char *x, int64_t i, int64_t k)
{
	vh h = {0};
	memcpy(&h, x + 2 * i, 2 * (size_t)k);
#if defined(ISA_AVX512)
	return _mm512_cvtph_ps((__m256i)h);
#elif defined(ISA_AVX2)
	return _mm256_cvtph_ps((__m128i)h);
#else
	vf v;
	for (int j = 0; j < W; j++)
		v[j] = f32_of_f16(h[j]);
	return v;
#endif
}

INL void FN(embed_row)(char *out, const char *row, int64_t dim, int ot, int tt)
{
	if (ot == tt) {
		memcpy(out, row, (size_t)(dim * dt_size(tt)));
		return;
	}
	for (int64_t i = 0; i < dim; i += W) {
		int64_t k = vec_min(W, dim - i);
		v_st(out, i, k, tt == DT_F16 ? FN(ld_f16)(row, i, k) : v_ld(row, i, k, tt), ot);
	}
}

void FN(primer_embed)(worker *w, const void *args)
{
	const embed_args *a = args;
	int64_t from, to, grain = vec_max(1, 16384 / vec_max(1, a->dim)), os = dt_size(a->out_type), ts = dt_size(a->table_type);
	while (team_claim(w, 0, a->rows, grain, &from, &to))
		for (int64_t n = from; n < to; n++) {
			int64_t token = ((const int32_t *)a->tokens)[n];
			if (token < 0 || token >= a->vocab)
				team_fail(w, "embed", "row %lld: token %lld outside [0,%lld)", (long long)n, (long long)token, (long long)a->vocab);
			else
				FN(embed_row)((char *)a->out + n * a->dim * os, (const char *)a->table + token * a->dim * ts, a->dim, a->out_type, a->table_type);
		}
}

// embed_add adds columns [from, to) of every row to its token's row.
INL void FN(embed_add)(const embed_backward_args *a, int64_t from, int64_t to, int t)
{
	const int32_t *tokens = (const int32_t *)a->tokens;
	for (int64_t n = 0; n < a->rows; n++) {
		if (tokens[n] < 0 || tokens[n] >= a->vocab)
			continue; // reported by primer_embed_backward
		float *row = (float *)a->dtable + tokens[n] * a->dim;
		for (int64_t i = from; i < to; i += W) {
			int64_t k = vec_min(W, to - i);
			v_storen(row + i, v_loadn(row + i, k) + v_ld((const void *)a->dout, n * a->dim + i, k, t), k);
		}
	}
}

void FN(primer_embed_backward)(worker *w, const void *args)
{
	const embed_backward_args *a = args;
	int64_t from, to;
	for (int64_t n = 0; n < a->rows && w->tid == 0; n++) {
		int64_t token = ((const int32_t *)a->tokens)[n];
		if (token < 0 || token >= a->vocab)
			team_fail(w, "embed_backward", "row %lld: token %lld outside [0,%lld)", (long long)n, (long long)token, (long long)a->vocab);
	}
	if (!a->accumulate) {
		team_split(w, a->vocab * a->dim, 1024, &from, &to);
		memset((float *)a->dtable + from, 0, (size_t)(to - from) * sizeof(float));
		team_barrier(w);
	}
	team_split(w, a->dim, 16, &from, &to);
	if (from >= to)
		return;
	if (a->type == DT_BF16)
		FN(embed_add)(a, from, to, DT_BF16);
	else
		FN(embed_add)(a, from, to, DT_F32);
}
