// math_body.h: exp and what is made of it, for one instruction set.
//
// exp(x) = 2^n · 2^f, n = round(x·log2 e), f = x·log2 e − n with log2 e in two parts, |f| ≤ 1/2, 2^f by its Taylor polynomial
// of degree 7 (remainder below 1e-8): relative error below 2e-7. NaN stays NaN, exp(-inf) = 0, exp(inf) = inf; results below
// the smallest normal number may be 0, as flush-to-zero makes them anyway.

// 1.5·2^23: adding it leaves round(x) in the low bits.
#define EXP_MAGIC 12582912.0f

// Every function here takes n vectors at a time (n a constant, 1 to 4), step by step, so that the processor always has
// independent operations at hand: one vector is a chain of some twenty that wait for each other.

INL void FN(exp2_poly)(vf *f, const int n)
{
	static const float c[] = {1.5403530e-4f, 1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1.0f};
	vf p[4];
	for (int u = 0; u < n; u++)
		p[u] = v_fma(v_set1(1.5252734e-5f), f[u], v_set1(c[0]));
	for (int k = 1; k < 7; k++)
		for (int u = 0; u < n; u++)
			p[u] = v_fma(p[u], f[u], v_set1(c[k]));
	for (int u = 0; u < n; u++)
		f[u] = p[u];
}

// ldexp2 returns p·2^n for n = t − EXP_MAGIC, |n| ≤ 252.
INL vf FN(ldexp2)(vf p, vf t)
{
#if defined(ISA_AVX512)
	return _mm512_scalef_ps(p, t - v_set1(EXP_MAGIC));
#else
	vi n = (vi)t - (vi)v_set1(EXP_MAGIC);
	vi half = n >> 1; // two factors, both normal
	vf a = (vf)((half + 127) << 23), b = (vf)((n - half + 127) << 23);
	return p * a * b;
#endif
}

// exp_core is exp for x that are NaN or between −104 and 89.
INL void FN(exp_core)(vf *x, const int n)
{
	vf t[4];
	for (int u = 0; u < n; u++)
		t[u] = v_fma(x[u], v_set1(1.44269504f), v_set1(EXP_MAGIC));
	for (int u = 0; u < n; u++) {
		vf k = t[u] - v_set1(EXP_MAGIC);
#if W > 4 || defined(__FP_FAST_FMAF)
		x[u] = v_fma(x[u], v_set1(1.9259630e-8f), v_fma(x[u], v_set1(1.44269504f), -k));
#else // the product would be rounded: ln 2 in two parts, the first of which times k is exact
		x[u] = ((x[u] - k * v_set1(0.693359375f)) + k * v_set1(2.12194440e-4f)) * v_set1(1.44269504f);
#endif
	}
	FN(exp2_poly)(x, n);
	for (int u = 0; u < n; u++)
		x[u] = FN(ldexp2)(x[u], t[u]);
}

// v_exp_le is exp for x that are no larger than 0.
INL void v_exp_le(vf *x, const int n)
{
	for (int u = 0; u < n; u++)
		x[u] = v_max(v_set1(-104.0f), x[u]);
	FN(exp_core)(x, n);
}

INL vf v_exp(vf x)
{
	x = v_min(v_set1(89.0f), v_max(v_set1(-104.0f), x));
	FN(exp_core)(&x, 1);
	return x;
}

// v_exp2_n is 2^x for x ≤ 127, as softmax needs it: x below −126 gives 0.
INL void v_exp2_n(vf *x, const int n)
{
	vf t[4], y[4];
	for (int u = 0; u < n; u++) {
		y[u] = v_max(v_set1(-150.0f), x[u]);
		t[u] = y[u] + v_set1(EXP_MAGIC);
	}
	for (int u = 0; u < n; u++)
		y[u] -= t[u] - v_set1(EXP_MAGIC);
	FN(exp2_poly)(y, n);
	for (int u = 0; u < n; u++) {
#if defined(ISA_AVX512)
		x[u] = _mm512_scalef_ps(y[u], t[u] - v_set1(EXP_MAGIC));
#else
		vf s = (vf)(((vi)t[u] << 23) + 0x3f800000);
		x[u] = (vf)((vi)(y[u] * s) & ~(x[u] < v_set1(-126.0f)));
#endif
	}
}

INL vf v_exp2(vf x)
{
	v_exp2_n(&x, 1);
	return x;
}

// v_sigmoid is 1/(1 + exp(−x)); 0 below −89.
INL void v_sigmoid(vf *x, const int n)
{
	for (int u = 0; u < n; u++)
		x[u] = v_min(v_set1(89.0f), v_max(v_set1(-104.0f), -x[u]));
	FN(exp_core)(x, n);
	for (int u = 0; u < n; u++)
		x[u] = v_set1(1.0f) / (x[u] + v_set1(1.0f));
}
