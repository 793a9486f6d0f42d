// Packing of one panel, for one instruction set: VEC words a vector, and PANEL(name) functions per width.
//
// Along k (ks = 1): VEC rows × VEC words are loaded and transposed in registers. Across rows (rs = 1): words of one k are
// neighbours already and are copied (pairs of bf16: two k interleaved). Edges go through small buffers, word by word.

// FN(pack_along): x's rows lie along k.
static inline void FN(pack_along)(uint32_t *out, int64_t width, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k,
                                  int64_t w0, int64_t kw, int words) {
	for (int64_t g = 0; g < width; g += VEC) {
		int64_t have = rows - g < 0 ? 0 : rows - g < VEC ? rows - g : VEC;
		int64_t lanes = width - g < VEC ? width - g : VEC;
		for (int64_t j = 0; j < kw; j += VEC) {
			int64_t steps = kw - j < VEC ? kw - j : VEC;
			vec v[VEC];
			for (int r = 0; r < VEC; r++) v[r] = r < have ? FN(load_along)(x, i0 + g + r, k, w0 + j, steps, words) : vec_zero();
			vec_transpose(v);
			uint32_t *to = out + j * width + g;
			for (int s = 0; s < steps; s++, to += width) vec_store_lanes(to, v[s], lanes);
		}
	}
}

// FN(pack_across): x's rows are neighbours.
static inline void FN(pack_across)(uint32_t *out, int64_t width, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k,
                                   int64_t w0, int64_t kw, int words) {
	for (int64_t j = 0; j < kw; j++, out += width) {
		for (int64_t g = 0; g < width; g += VEC) {
			int64_t have = rows - g < 0 ? 0 : rows - g < VEC ? rows - g : VEC;
			int64_t lanes = width - g < VEC ? width - g : VEC;
			vec v = have == 0 ? vec_zero() : FN(load_across)(x, i0 + g, have, k, w0 + j, words);
			vec_store_lanes(out + g, v, lanes);
		}
	}
}

#define PACK(name, width)                                                                                                 \
	static void FN(name)(uint32_t *out, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0, int64_t kw, \
	                     int words) {                                                                                         \
		if (x->ks == 1) FN(pack_along)(out, width, x, i0, rows, k, w0, kw, words);                                              \
		else FN(pack_across)(out, width, x, i0, rows, k, w0, kw, words);                                                        \
	}
