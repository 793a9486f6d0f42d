// micro_body.h: the small matrix products of attention, for one instruction set. A body that uses it includes it first.
//
//	c[r·ldc + n] = (add ? c : 0) + Σ_{k0 ≤ k < k1} a[r·rs + k·cs] · b[k·ldb + n],  r < rows, n < nv·W
//
// Every element is one chain of multiply-adds with k ascending, whatever block it is computed in: bits depend on neither the
// number of rows nor the blocking. Blocks of MICRO_ROWS × MICRO_VECS accumulators stay in registers.

#undef MICRO_ROWS
#undef MICRO_VECS
#if defined(ISA_AVX512)
#define MICRO_ROWS 6
#define MICRO_VECS 4
#elif defined(ISA_AVX2)
#define MICRO_ROWS 6
#define MICRO_VECS 2
#else
#define MICRO_ROWS 4
#define MICRO_VECS 2
#endif

typedef struct {
	const float *a, *b;
	float *c;
	int64_t rs, cs, ldb, ldc;
} FN(micro);

INL void FN(micro_block)(const FN(micro) * g, int64_t r, int64_t n, int64_t k0, int64_t k1, int add, const int rows, const int nv)
{
	vf acc[MICRO_ROWS][MICRO_VECS];
	float *c = g->c + r * g->ldc + n;
	for (int i = 0; i < rows; i++)
		for (int j = 0; j < nv; j++)
			acc[i][j] = add ? v_load(c + i * g->ldc + j * W) : v_set1(0);
	const float *a = g->a + r * g->rs + k0 * g->cs, *b = g->b + k0 * g->ldb + n;
	for (int64_t k = k0; k < k1; k++, a += g->cs, b += g->ldb) {
		vf bv[MICRO_VECS];
		for (int j = 0; j < nv; j++)
			bv[j] = v_load(b + j * W);
		for (int i = 0; i < rows; i++) {
			vf x = v_set1(a[i * g->rs]);
			for (int j = 0; j < nv; j++)
				acc[i][j] = v_fma(x, bv[j], acc[i][j]);
		}
	}
	for (int i = 0; i < rows; i++)
		for (int j = 0; j < nv; j++)
			v_store(c + i * g->ldc + j * W, acc[i][j]);
}

#define MICRO_CASE(R, V) \
	case (R) * 8 + (V): \
		FN(micro_block)(g, r, n, k0, k1, add, R, V); \
		break;

// micro_at computes one block of up to MICRO_ROWS × MICRO_VECS.
SHARED void FN(micro_at)(const FN(micro) * g, int64_t r, int64_t n, int64_t k0, int64_t k1, int add, int rows, int nv)
{
	switch (rows * 8 + nv) {
		MICRO_CASE(1, 1)
		MICRO_CASE(1, 2)
		MICRO_CASE(2, 1)
		MICRO_CASE(2, 2)
		MICRO_CASE(3, 1)
		MICRO_CASE(3, 2)
		MICRO_CASE(4, 1)
		MICRO_CASE(4, 2)
#if MICRO_ROWS > 4
		MICRO_CASE(5, 1)
		MICRO_CASE(5, 2)
		MICRO_CASE(6, 1)
		MICRO_CASE(6, 2)
#endif
#if MICRO_VECS > 2
		MICRO_CASE(1, 3)
		MICRO_CASE(1, 4)
		MICRO_CASE(2, 3)
		MICRO_CASE(2, 4)
		MICRO_CASE(3, 3)
		MICRO_CASE(3, 4)
		MICRO_CASE(4, 3)
		MICRO_CASE(4, 4)
		MICRO_CASE(5, 3)
		MICRO_CASE(5, 4)
		MICRO_CASE(6, 3)
		MICRO_CASE(6, 4)
#endif
	}
}

// micro_cols computes rows [r, r+rows), rows ≤ MICRO_ROWS, and vectors [v0, v1).
SHARED void FN(micro_cols)(const FN(micro) * g, int64_t r, int rows, int64_t v0, int64_t v1, int64_t k0, int64_t k1, int add)
{
	for (int64_t v = v0; v < v1; v += MICRO_VECS)
		FN(micro_at)(g, r, v * W, k0, k1, add, rows, (int)vec_min(MICRO_VECS, v1 - v));
}

// micro_rows computes any number of rows.
SHARED void FN(micro_rows)(const FN(micro) * g, int64_t r, int64_t rows, int64_t nv, int64_t k0, int64_t k1, int add)
{
	for (int64_t end = r + rows; r < end; r += MICRO_ROWS)
		FN(micro_cols)(g, r, (int)vec_min(MICRO_ROWS, end - r), 0, nv, k0, k1, add);
}

SHARED inline int64_t FN(clamp)(int64_t x, int64_t hi) { return x < 0 ? 0 : x > hi ? hi : x; }

// micro_outer computes products of rows with columns, restricted to a band: row r needs columns [lo+r, hi+r) of 0..cols. More
// columns may be written, up to whole vectors and blocks; nobody reads them.
SHARED void FN(micro_outer)(const FN(micro) * g, int64_t rows, int64_t cols, int64_t depth, int64_t lo, int64_t hi)
{
	for (int64_t r = 0; r < rows; r += MICRO_ROWS) {
		int64_t m = vec_min(MICRO_ROWS, rows - r);
		int64_t from = FN(clamp)(lo + r, cols), to = FN(clamp)(hi + r + m - 1, cols);
		if (from < to)
			FN(micro_cols)(g, r, (int)m, from / W, (to + W - 1) / W, 0, depth, 0);
	}
}

// micro_band adds to c, row r over k in [lo+r, hi+r) of 0..depth and no other: what lies outside the band is never read.
SHARED void FN(micro_band)(const FN(micro) * g, int64_t rows, int64_t nv, int64_t depth, int64_t lo, int64_t hi)
{
	for (int64_t r = 0; r < rows; r += MICRO_ROWS) {
		int64_t m = vec_min(MICRO_ROWS, rows - r);
		int64_t from = FN(clamp)(lo + r + m - 1, depth), to = FN(clamp)(hi + r, depth);
		if (from >= to)
			from = to = depth; // the rows have nothing in common
		for (int64_t i = r; i < r + m; i++) {
			int64_t end = vec_min(from, FN(clamp)(hi + i, depth)), start = FN(clamp)(lo + i, depth);
			if (start < end)
				FN(micro_cols)(g, i, 1, 0, nv, start, end, 1);
		}
		if (from >= to)
			continue;
		FN(micro_cols)(g, r, (int)m, 0, nv, from, to, 1);
		for (int64_t i = r; i < r + m; i++) {
			int64_t end = FN(clamp)(hi + i, depth);
			if (to < end)
				FN(micro_cols)(g, i, 1, 0, nv, to, end, 1);
		}
	}
}

#undef MICRO_CASE

// pack copies rows of k elements, F32 or BF16, into floats with leading dimension ld; columns up to ld are zeroed.
SHARED void FN(pack)(const char *src, int64_t stride, int64_t rows, int64_t k, int t, float *dst, int64_t ld)
{
	for (int64_t r = 0; r < rows; r++, src += stride, dst += ld) {
		int64_t i = 0;
		if (t == DT_BF16)
			for (; i + W <= k; i += W)
				v_store(dst + i, v_ld(src, i, W, DT_BF16));
		else
			for (; i + W <= k; i += W)
				v_store(dst + i, v_ld(src, i, W, DT_F32));
		if (i < k) {
			v_store(dst + i, v_ld(src, i, k - i, t));
			i += W;
		}
		for (; i < ld; i += W)
			v_store(dst + i, v_set1(0));
	}
}

// unpack writes rows of k floats, times scale, as F32 or BF16.
SHARED void FN(unpack)(char *dst, int64_t stride, int64_t rows, int64_t k, int t, const float *src, int64_t ld, float scale)
{
	for (int64_t r = 0; r < rows; r++, dst += stride, src += ld)
		for (int64_t i = 0; i < k; i += W) {
			vf x = v_load(src + i) * v_set1(scale);
			if (t == DT_BF16)
				v_st(dst, i, vec_min(W, k - i), x, DT_BF16);
			else
				v_st(dst, i, vec_min(W, k - i), x, DT_F32);
		}
}

// pad_t zeroes the columns of a transposed tile from rows on.
SHARED void FN(pad_t)(float *dst, int64_t rows, int64_t k, int64_t ld)
{
	for (int64_t i = 0; i < k && rows < ld; i++)
		memset(dst + i * ld + rows, 0, (size_t)(ld - rows) * sizeof *dst);
}

// pack_t is pack, transposed: dst[i·ld + r] = src[r][i]; other columns stay as they are.
SHARED void FN(pack_t)(const char *src, int64_t stride, int64_t rows, int64_t k, int t, float *dst, int64_t ld)
{
	typedef float v4 __attribute__((vector_size(16)));
	typedef int32_t i4 __attribute__((vector_size(16)));
	typedef uint32_t u4 __attribute__((vector_size(16)));
	typedef uint16_t h4 __attribute__((vector_size(8)));
	int64_t r = 0;
	for (; r + 4 <= rows; r += 4, src += 4 * stride) {
		int64_t i = 0;
		for (; i + 4 <= k; i += 4) {
			v4 x[4] = {{0}};
			for (int j = 0; j < 4; j++) {
				if (t == DT_BF16) {
					h4 half;
					memcpy(&half, src + j * stride + 2 * i, 8);
					x[j] = (v4)(__builtin_convertvector(half, u4) << 16);
				} else
					memcpy(&x[j], src + j * stride + 4 * i, 16);
			}
			v4 a = __builtin_shuffle(x[0], x[1], (i4){0, 4, 1, 5}), b = __builtin_shuffle(x[2], x[3], (i4){0, 4, 1, 5});
			v4 c = __builtin_shuffle(x[0], x[1], (i4){2, 6, 3, 7}), d = __builtin_shuffle(x[2], x[3], (i4){2, 6, 3, 7});
			v4 y[4] = {
				__builtin_shuffle(a, b, (i4){0, 1, 4, 5}), __builtin_shuffle(a, b, (i4){2, 3, 6, 7}),
				__builtin_shuffle(c, d, (i4){0, 1, 4, 5}), __builtin_shuffle(c, d, (i4){2, 3, 6, 7}),
			};
			for (int j = 0; j < 4; j++)
				memcpy(dst + (i + j) * ld + r, &y[j], 16);
		}
		for (; i < k; i++)
			for (int j = 0; j < 4; j++)
				dst[i * ld + r + j] = ld1(src + j * stride, i, t);
	}
	for (; r < rows; r++, src += stride)
		for (int64_t i = 0; i < k; i++)
			dst[i * ld + r] = ld1(src, i, t);
}
