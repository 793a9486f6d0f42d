// vec_body.h: arithmetic, loads and stores of the vocabulary in vec.h, for one instruction set.

typedef float vf __attribute__((vector_size(4 * W), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * W), may_alias));
typedef uint32_t vu __attribute__((vector_size(4 * W), may_alias));
typedef uint16_t vh __attribute__((vector_size(2 * W), may_alias));

INL vf v_load(const float *p)
{
	vf v;
	memcpy(&v, p, sizeof v);
	return v;
}

INL void v_store(float *p, vf v) { memcpy(p, &v, sizeof v); }

// v_sum adds the lanes in a fixed tree: halves onto halves.
INL float v_sum(vf v)
{
	float t[W];
	memcpy(t, &v, sizeof t);
	for (int h = W / 2; h > 0; h /= 2)
		for (int i = 0; i < h; i++)
			t[i] += t[i + h];
	return t[0];
}

INL float v_hmax(vf v)
{
	float t[W];
	memcpy(t, &v, sizeof t);
	for (int h = W / 2; h > 0; h /= 2)
		for (int i = 0; i < h; i++)
			t[i] = t[i] > t[i + h] ? t[i] : t[i + h];
	return t[0];
}

INL vu v_iota(void)
{
	vu v;
	for (int i = 0; i < W; i++)
		v[i] = (uint32_t)i;
	return v;
}

// v_sel takes a where the mask's lanes are all ones, else b.
INL vf v_sel(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }

// v_fma(a, b, c) is a·b + c: fused where the instruction set has it, two roundings where it has not.
// v_max and v_min return b where a lane is NaN.
#if defined(ISA_AVX512)
INL vf v_set1(float x) { return _mm512_set1_ps(x); }
INL vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
INL vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
INL vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
INL vf v_sqrt(vf a) { return _mm512_sqrt_ps(a); }
INL vf v_from_bf16(vh h) { return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)h), 16); }
INL vh v_to_bf16(vf v)
{
	__m512i u = _mm512_castps_si512(v);
	__m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
	__m512i r = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
	r = _mm512_mask_or_epi32(r, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), u, _mm512_set1_epi32(0x400000));
	return (vh)_mm512_cvtepi32_epi16(_mm512_srli_epi32(r, 16));
}
#elif defined(ISA_AVX2)
INL vf v_set1(float x) { return _mm256_set1_ps(x); }
INL vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
INL vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
INL vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
INL vf v_sqrt(vf a) { return _mm256_sqrt_ps(a); }
INL vf v_from_bf16(vh h) { return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)h), 16); }
INL vh v_to_bf16(vf v)
{
	__m256i u = _mm256_castps_si256(v);
	__m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
	__m256i r = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd);
	__m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
	r = _mm256_blendv_epi8(r, _mm256_or_si256(u, _mm256_set1_epi32(0x400000)), nan);
	r = _mm256_srli_epi32(r, 16);
	r = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0xd8);
	return (vh)_mm256_castsi256_si128(r);
}
#else
INL vf v_set1(float x)
{
	vf v = {0};
	for (int i = 0; i < W; i++)
		v[i] = x;
	return v;
}
INL vf v_fma(vf a, vf b, vf c)
{
#if defined(__FP_FAST_FMAF)
	for (int i = 0; i < W; i++)
		c[i] = __builtin_fmaf(a[i], b[i], c[i]);
	return c;
#else
	return a * b + c;
#endif
}
INL vf v_max(vf a, vf b) { return v_sel(a > b, a, b); }
INL vf v_min(vf a, vf b) { return v_sel(a < b, a, b); }
INL vf v_sqrt(vf a)
{
	for (int i = 0; i < W; i++)
		a[i] = sqrtf(a[i]);
	return a;
}
INL vf v_from_bf16(vh h) { return (vf)(__builtin_convertvector(h, vu) << 16); }
INL vh v_to_bf16(vf v)
{
	vu u = (vu)v;
	vu r = u + 0x7fff + (u >> 16 & 1);
	vu nan = (vu)(v != v);
	r = (r & ~nan) | ((u | 0x400000) & nan);
	return __builtin_convertvector(r >> 16, vh);
}
#endif

// v_loadn and v_storen move the first k lanes (1 ≤ k ≤ W); what is not loaded is zero.
INL vf v_loadn(const float *p, int64_t k)
{
	if (k == W)
		return v_load(p);
#if defined(ISA_AVX512)
	return _mm512_maskz_loadu_ps((__mmask16)((1u << k) - 1), p);
#else
	float t[W] = {0};
	for (int64_t i = 0; i < k; i++)
		t[i] = p[i];
	return v_load(t);
#endif
}

INL void v_storen(float *p, vf v, int64_t k)
{
	if (k == W) {
		v_store(p, v);
		return;
	}
#if defined(ISA_AVX512)
	_mm512_mask_storeu_ps(p, (__mmask16)((1u << k) - 1), v);
#else
	float t[W];
	v_store(t, v);
	for (int64_t i = 0; i < k; i++)
		p[i] = t[i];
#endif
}

// v_ld reads k elements from element i of p, F32 or BF16, as floats; v_st writes them (BF16: nearest even).
INL vf v_ld(const void *p, int64_t i, int64_t k, int t)
{
	if (t != DT_BF16)
		return v_loadn((const float *)p + i, k);
	vh h = {0};
	const char *q = (const char *)p + 2 * i;
	if (k == W)
		memcpy(&h, q, sizeof h);
	else
		for (int64_t j = 0; j < k; j++)
			h[j] = load_u16(q, j);
	return v_from_bf16(h);
}

INL void v_st(void *p, int64_t i, int64_t k, vf v, int t)
{
	if (t != DT_BF16) {
		v_storen((float *)p + i, v, k);
		return;
	}
	vh h = v_to_bf16(v);
	char *q = (char *)p + 2 * i;
	if (k == W)
		memcpy(q, &h, sizeof h);
	else
		memcpy(q, &h, 2 * (size_t)k);
}
