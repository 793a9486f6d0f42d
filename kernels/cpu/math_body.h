// math_body.h: exp and what is made of it, for one instruction set.
//
// exp(x) = 2^n · exp(r), n = round(x·log2 e), |r| ≤ ln 2 / 2 with ln 2 in two parts, exp(r) by a polynomial of degree 7
// (coefficients of Cephes' expf): relative error below 2e-7. NaN stays NaN, exp(-inf) = 0, exp(inf) = inf; results below
// the smallest normal number may be 0, as flush-to-zero makes them anyway.

// 1.5·2^23: adding it leaves round(x) in the low bits.
#define EXP_MAGIC 12582912.0f

INL vf FN(exp_poly)(vf r)
{
	vf p = v_set1(1.9875691500e-4f);
	p = v_fma(p, r, v_set1(1.3981999507e-3f));
	p = v_fma(p, r, v_set1(8.3334519073e-3f));
	p = v_fma(p, r, v_set1(4.1665795894e-2f));
	p = v_fma(p, r, v_set1(1.6666665459e-1f));
	p = v_fma(p, r, v_set1(5.0000001201e-1f));
	return v_fma(p, r * r, r + v_set1(1.0f));
}

// ldexp2 returns p·2^n for n = t − EXP_MAGIC, |n| ≤ 252, in two factors that are both normal.
INL vf FN(ldexp2)(vf p, vf t)
{
	vi n = (vi)t - (vi)v_set1(EXP_MAGIC);
	vi half = n >> 1;
	vf a = (vf)((half + 127) << 23), b = (vf)((n - half + 127) << 23);
	return p * a * b;
}

INL vf v_exp(vf x)
{
	vf y = v_min(v_set1(89.0f), v_max(v_set1(-104.0f), x));
	vf t = v_fma(y, v_set1(1.44269504f), v_set1(EXP_MAGIC));
	vf n = t - v_set1(EXP_MAGIC);
	vf r = v_fma(n, v_set1(-0.693359375f), y);
	r = v_fma(n, v_set1(2.12194440e-4f), r);
	vf p = FN(exp_poly)(r);
#if defined(ISA_AVX512)
	return _mm512_scalef_ps(p, n);
#else
	return FN(ldexp2)(p, t);
#endif
}

// v_exp2 is 2^x for x ≤ 127, as softmax needs it: x below −126 gives 0.
INL vf v_exp2(vf x)
{
	vf y = v_max(v_set1(-150.0f), x);
	vf t = y + v_set1(EXP_MAGIC);
	vf r = (y - (t - v_set1(EXP_MAGIC))) * v_set1(0.693147181f);
	vf p = FN(exp_poly)(r);
#if defined(ISA_AVX512)
	return _mm512_scalef_ps(p, t - v_set1(EXP_MAGIC));
#else
	vf s = (vf)(((vi)t << 23) + 0x3f800000);
	return (vf)((vi)(p * s) & ~(x < v_set1(-126.0f)));
#endif
}

INL vf v_sigmoid(vf x) { return v_set1(1.0f) / (v_set1(1.0f) + v_exp(-x)); }
