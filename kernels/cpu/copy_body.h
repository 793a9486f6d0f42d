// Conversion through f32, chunk by chunk, for one instruction set. Loops over bits that the compiler turns into vectors;
// only f16 needs the conversion instructions by name.

static inline void FN(float_of)(float *out, const void *x, int type, int64_t at, int64_t n) {
	if (type == DT_F32) memcpy(out, (const float *)x + at, (size_t)n * sizeof *out);
	if (type == DT_BF16) {
		const uint16_t *h = (const uint16_t *)x + at;
		for (int64_t i = 0; i < n; i++) out[i] = float_of_bf16(h[i]);
	}
	if (type == DT_F16) FN(float_of_f16)(out, (const uint16_t *)x + at, n);
}

static inline void FN(of_float)(void *out, int type, int64_t at, const float *x, int64_t n) {
	if (type == DT_F32) memcpy((float *)out + at, x, (size_t)n * sizeof *x);
	if (type == DT_BF16) {
		uint16_t *h = (uint16_t *)out + at;
		for (int64_t i = 0; i < n; i++) { // bf16_of_float, without a branch
			uint32_t u = bits_of_float(x[i]), r = (u + 0x7fff + (u >> 16 & 1)) >> 16, q = u >> 16 | 0x40;
			h[i] = (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? q : r);
		}
	}
	if (type == DT_F16) FN(f16_of_float)((uint16_t *)out + at, x, n);
}

static void FN(copy)(worker *w, const void *args) {
	const copy_args *c = args;
	int64_t from, to;
	team_split(w, c->n, CHUNK, &from, &to);
	if (c->dst_type == DT_U8 && c->x_type == DT_U8) {
		if (to > from) memcpy((char *)c->dst + from, (const char *)c->x + from, (size_t)(to - from));
		return;
	}
	_Alignas(64) float x[CHUNK], sum[CHUNK];
	for (; from < to; from += CHUNK) {
		int64_t n = to - from < CHUNK ? to - from : CHUNK;
		FN(float_of)(x, c->x, c->x_type, from, n);
		if (c->accumulate) {
			FN(float_of)(sum, c->dst, c->dst_type, from, n);
			for (int64_t i = 0; i < n; i++) x[i] = sum[i] + x[i];
		}
		FN(of_float)(c->dst, c->dst_type, from, x, n);
	}
}
