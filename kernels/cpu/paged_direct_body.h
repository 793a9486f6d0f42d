// paged_direct_body.h: scores and sums of one or two queries straight from the cached rows, for one instruction set.
//
// A query that is alone does too little with a tile of keys to pay for turning them in memory: that took a third of a decode
// step (8 heads of 64, 600 positions). Here W keys × 4 words at a time are turned in registers and meet the queries at once, and
// values are widened on their way into the sums. Every sum is the chain that micro_body.h runs: over the dimensions from zero, over
// the keys from what was there.

#undef IN_QUARTERS
#if defined(ISA_AVX512)
#define IN_QUARTERS(a, b, c, d) (vi){a, b, c, d, a + 4, b + 4, c + 4, d + 4, a + 8, b + 8, c + 8, d + 8, a + 12, b + 12, c + 12, d + 12}
#elif defined(ISA_AVX2)
#define IN_QUARTERS(a, b, c, d) (vi){a, b, c, d, a + 4, b + 4, c + 4, d + 4}
#else
#define IN_QUARTERS(a, b, c, d) (vi){a, b, c, d}
#endif

// four_words loads 4 words, `at` bytes into every 4th row from the first on, one row a quarter of the vector.
INL vu FN(four_words)(const char *const *row, int64_t at)
{
#if defined(ISA_AVX512)
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)(row[0] + at)));
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(row[4] + at)), 1);
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(row[8] + at)), 2);
	return (vu)_mm512_inserti32x4(v, _mm_loadu_si128((const void *)(row[12] + at)), 3);
#elif defined(ISA_AVX2)
	__m256i v = _mm256_castsi128_si256(_mm_loadu_si128((const void *)(row[0] + at)));
	return (vu)_mm256_inserti128_si256(v, _mm_loadu_si128((const void *)(row[4] + at)), 1);
#else
	vu v;
	memcpy(&v, row[0] + at, sizeof v);
	return v;
#endif
}

// four_columns turns 4 words of W rows: word i of row r is then v[i][r].
INL void FN(four_columns)(vu v[4], const char *const *row, int64_t at)
{
	vu t[4];
	for (int i = 0; i < 4; i++)
		t[i] = FN(four_words)(row + i, at);
	const vu a = __builtin_shuffle(t[0], t[1], IN_QUARTERS(0, W, 1, W + 1)), b = __builtin_shuffle(t[0], t[1], IN_QUARTERS(2, W + 2, 3, W + 3));
	const vu c = __builtin_shuffle(t[2], t[3], IN_QUARTERS(0, W, 1, W + 1)), d = __builtin_shuffle(t[2], t[3], IN_QUARTERS(2, W + 2, 3, W + 3));
	v[0] = __builtin_shuffle(a, c, IN_QUARTERS(0, 1, W, W + 1));
	v[1] = __builtin_shuffle(a, c, IN_QUARTERS(2, 3, W + 2, W + 3));
	v[2] = __builtin_shuffle(b, d, IN_QUARTERS(0, 1, W, W + 1));
	v[3] = __builtin_shuffle(b, d, IN_QUARTERS(2, 3, W + 2, W + 3));
}

enum { FN(DIRECT_KEYS) = 2 * W }; // at a time: a chain alone waits for itself

// ask_row asks for a cached row: pages of a head are 1 to 4 KiB long and lie anywhere, which nothing foresees but the page table.
INL void FN(ask_row)(const char *row, int64_t bytes)
{
	for (int64_t at = 0; at < bytes; at += 64)
		__builtin_prefetch(row + at);
}

// direct_keys is s[r·ATT_TILE + j] = Σ_d q[r·ld + d]·key_j[d] for DIRECT_KEYS keys; meanwhile it asks for as many values.
INL void FN(direct_keys)(const float *q, int64_t ld, const char *const *key, const char *const *value, int64_t dim, const int type, float *s,
                         const int rows)
{
	vf acc[2][2] = {{v_set1(0), v_set1(0)}, {v_set1(0), v_set1(0)}};
	const int64_t per = type == DT_BF16 ? 2 : 1; // dimensions in a word
	int64_t d = 0, asked = 0;
	for (; d + 4 * per <= dim; d += 4 * per) {
		for (; asked < FN(DIRECT_KEYS) && asked * dim < (d + 4 * per) * FN(DIRECT_KEYS); asked++)
			FN(ask_row)(value[asked], dim / per * 4);
		for (int half = 0; half < 2; half++) {
			vu v[4];
			FN(four_columns)(v, key + half * W, d / per * 4);
			for (int i = 0; i < 4; i++)
				for (int r = 0; r < rows; r++) {
					const float *x = q + r * ld + d + i * per;
					vf first = type == DT_BF16 ? (vf)(v[i] << 16) : (vf)v[i];
					acc[r][half] = v_fma(v_set1(x[0]), first, acc[r][half]);
					if (type == DT_BF16)
						acc[r][half] = v_fma(v_set1(x[1]), (vf)(v[i] & 0xffff0000u), acc[r][half]);
				}
		}
	}
	for (; d < dim; d++)
		for (int half = 0; half < 2; half++) {
			vf column;
			for (int i = 0; i < W; i++)
				column[i] = ld1(key[half * W + i], d, type);
			for (int r = 0; r < rows; r++)
				acc[r][half] = v_fma(v_set1(q[r * ld + d]), column, acc[r][half]);
		}
	for (int r = 0; r < rows; r++)
		for (int half = 0; half < 2; half++)
			v_store(s + r * ATT_TILE + half * W, acc[r][half]);
}

// direct_scores computes the scores of nk keys; rows of a tile are whole, so key has ATT_TILE rows that can be read. The values are
// what is read next.
SHARED void FN(direct_scores)(const float *q, int64_t ld, const char *const *key, const char *const *value, int64_t nk, int64_t dim, int type,
                              float *s, int64_t rows)
{
	for (int64_t j = 0; j < nk; j += FN(DIRECT_KEYS)) {
		if (type == DT_BF16 && rows == 1)
			FN(direct_keys)(q, ld, key + j, value + j, dim, DT_BF16, s + j, 1);
		else if (type == DT_BF16)
			FN(direct_keys)(q, ld, key + j, value + j, dim, DT_BF16, s + j, 2);
		else if (rows == 1)
			FN(direct_keys)(q, ld, key + j, value + j, dim, DT_F32, s + j, 1);
		else
			FN(direct_keys)(q, ld, key + j, value + j, dim, DT_F32, s + j, 2);
	}
}

// direct_values is acc[d…] += Σ_j p[j]·value_j[d…] for nv vectors and keys [lo, hi); meanwhile it asks for `bytes` of each row of next.
INL void FN(direct_values)(float *acc, const float *p, const char *const *value, const char *const *next, int64_t bytes, int64_t lo, int64_t hi,
                           int64_t d, const int type, const int nv)
{
	vf c[8];
	for (int v = 0; v < nv; v++)
		c[v] = v_load(acc + d + v * W);
	for (int64_t j = lo; j < hi; j++) {
		const vf x = v_set1(p[j]);
		FN(ask_row)(next[j], bytes);
		for (int v = 0; v < nv; v++)
			c[v] = v_fma(x, v_ld(value[j], d + v * W, W, type), c[v]);
	}
	for (int v = 0; v < nv; v++)
		v_store(acc + d + v * W, c[v]);
}

// direct_sum adds the values of keys [lo, hi) to one row's sums; dim is whole vectors. The rows of next, `bytes` long or 0, are what is
// read next.
SHARED void FN(direct_sum)(float *acc, const float *p, const char *const *value, const char *const *next, int64_t bytes, int64_t lo,
                           int64_t hi, int64_t dim, int type)
{
	int64_t d = 0;
#define VALUES(n) \
	for (; d + (n) * W <= dim; d += (n) * W) { \
		if (type == DT_BF16) \
			FN(direct_values)(acc, p, value, next, d ? 0 : bytes, lo, hi, d, DT_BF16, n); \
		else \
			FN(direct_values)(acc, p, value, next, d ? 0 : bytes, lo, hi, d, DT_F32, n); \
	}
	VALUES(8)
	VALUES(4)
	VALUES(2)
	VALUES(1)
#undef VALUES
}
