// philox_body.h: W blocks of Philox at a time, for one instruction set. A body that uses it includes it first.

#if defined(ISA_AVX512)
INL void v_mulhilo(vu a, uint32_t m, vu *hi, vu *lo)
{
	__m512i x = (__m512i)a, mv = _mm512_set1_epi64(m);
	__m512i even = _mm512_mul_epu32(x, mv), odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), mv);
	*hi = (vu)_mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
	*lo = (vu)_mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
}
#define UNPACK(kind, bits, a, b) ((vu)_mm512_unpack##kind##_epi##bits((__m512i)(a), (__m512i)(b)))
#elif defined(ISA_AVX2)
INL void v_mulhilo(vu a, uint32_t m, vu *hi, vu *lo)
{
	__m256i x = (__m256i)a, mv = _mm256_set1_epi64x(m);
	__m256i even = _mm256_mul_epu32(x, mv), odd = _mm256_mul_epu32(_mm256_srli_epi64(x, 32), mv);
	*hi = (vu)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
	*lo = (vu)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
}
#define UNPACK(kind, bits, a, b) ((vu)_mm256_unpack##kind##_epi##bits((__m256i)(a), (__m256i)(b)))
#else
INL void v_mulhilo(vu a, uint32_t m, vu *hi, vu *lo)
{
	vu h, l;
	for (int i = 0; i < W; i++) {
		uint64_t p = (uint64_t)a[i] * m;
		h[i] = (uint32_t)(p >> 32);
		l[i] = (uint32_t)p;
	}
	*hi = h;
	*lo = l;
}
#endif

// v_philox replaces the counters of W blocks by their words.
INL void v_philox(philox_key k, vu c[4])
{
	for (int r = 0; r < 10; r++) {
		vu h0, l0, h1, l1;
		v_mulhilo(c[0], PHILOX_M0, &h0, &l0);
		v_mulhilo(c[2], PHILOX_M1, &h1, &l1);
		c[0] = h1 ^ c[1] ^ k.k0;
		c[1] = l1;
		c[2] = h0 ^ c[3] ^ k.k1;
		c[3] = l0;
		k.k0 += PHILOX_W0;
		k.k1 += PHILOX_W1;
	}
}

// v_words returns in out[0..3] the 4W words of blocks base, base+1, … in order, word 0 of block base first; hi[i] is
// counter word i (1 to 3) and carry says whether counter word 1 counts on when word 0 wraps.
INL void v_words(philox_key k, uint64_t base, const uint32_t hi[3], int carry, vu out[4])
{
	// Lane 4g+v holds block (W/4)·v + g, so that the transposition below stays inside 128-bit groups.
	vu id;
	for (int i = 0; i < W; i++)
		id[i] = (uint32_t)(W / 4 * (i % 4) + i / 4);
	vu c0 = id + (uint32_t)base;
	vu c1 = (vu){0} + hi[0];
	if (carry)
		c1 = (vu){0} + (uint32_t)(base >> 32) - (vu)(c0 < id);
	vu c[4] = {c0, c1, (vu){0} + hi[1], (vu){0} + hi[2]};
	v_philox(k, c);
#if defined(UNPACK)
	vu a = UNPACK(lo, 32, c[0], c[1]), b = UNPACK(lo, 32, c[2], c[3]);
	vu d = UNPACK(hi, 32, c[0], c[1]), e = UNPACK(hi, 32, c[2], c[3]);
	out[0] = UNPACK(lo, 64, a, b);
	out[1] = UNPACK(hi, 64, a, b);
	out[2] = UNPACK(lo, 64, d, e);
	out[3] = UNPACK(hi, 64, d, e);
#undef UNPACK
#else
	for (int v = 0; v < 4; v++)
		for (int j = 0; j < 4; j++)
			out[v][j] = c[j][v];
#endif
}
