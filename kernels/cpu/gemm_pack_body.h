// Packing of one panel, for one instruction set: VEC words a vector, and PACK(name, width) defines a gemm_pack.
//
// Along k (ks = 1): VEC rows × VEC words are loaded and transposed in registers. Across rows (rs = 1): words of one k are
// neighbours already and are copied (pairs of bf16: two k interleaved). What does not fill a vector takes the same way with
// `inside` = 0, where every load minds its edge. Word and element type are constants in each of the copies that
// FN(pack_panel) makes: with branches in the loops packing took a fifth of a product of 64 rows.

#define INLINE static inline __attribute__((always_inline))

// FN(whole_words) is how many words of a row of k elements have all their elements.
INLINE int64_t FN(whole_words)(int64_t k, const int words) {
	return words == WORD_PAIR ? k / 2 : words == WORD_SWAPPED ? k / 2 * 2 : k;
}

// FN(along_block) transposes up to VEC rows × VEC words.
INLINE void FN(along_block)(uint32_t *out, const int64_t width, const gemm_operand *x, int64_t i, int64_t have, int64_t k, int64_t w,
                            int64_t steps, const int words, const int inside) {
#ifdef VEC_QUARTER
	// Rows whose words are read as they lie; not where 16 lines would not fit the first cache together.
	const int64_t row = x->rs * dt_size(x->type);
	const int plain = words == WORD_F32 ? x->type == DT_F32 : words == WORD_PAIR && x->type == DT_BF16;
	if (inside && plain && row % 2048 != 0 && row % 4 == 0) {
		const char *p = (const char *)x->p + i * row + 4 * w;
#pragma GCC unroll 4
		for (int q = 0; q < VEC; q += 4) {
			vec v[4];
			VEC_QUARTER(v, p + 4 * q, row);
			for (int s = 0; s < 4; s++) vec_store(out + (q + s) * width, v[s]);
		}
		return;
	}
	// Pairs of bf16 are turned as they lie and taken apart then, the second of a pair first: half the loads and shuffles.
	if (inside && words == WORD_SWAPPED && x->type == DT_BF16) {
		const char *p = (const char *)x->p + i * row + 2 * w;
#pragma GCC unroll 4
		for (int q = 0; q < VEC / 2; q += 4) {
			vec v[4];
			VEC_QUARTER(v, p + 4 * q, row);
			for (int s = 0; s < 4; s++) {
				vec_store(out + 2 * (q + s) * width, vec_second(v[s]));
				vec_store(out + (2 * (q + s) + 1) * width, vec_first(v[s]));
			}
		}
		return;
	}
#endif
	vec v[VEC];
	if (inside) {
		have = VEC;
		steps = VEC;
	}
	for (int r = 0; r < VEC; r++) v[r] = inside || r < have ? FN(load_along)(x, i + r, k, w, steps, words, inside) : vec_zero();
	vec_transpose(v);
	for (int s = 0; s < VEC; s++) {
		if (inside || s < steps) vec_store(out + s * width, v[s]);
	}
}

INLINE void FN(pack_along)(uint32_t *out, const int64_t width, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0,
                           int64_t kw, const int words) {
	const int64_t whole = FN(whole_words)(k, words) - w0, row = x->rs * dt_size(x->type);
	for (int64_t p = 0; p < rows; p += width, out += kw * width) {
		for (int64_t g = 0; g < width; g += VEC) {
			int64_t i = p + g, have = rows - i < 0 ? 0 : rows - i < VEC ? rows - i : VEC;
			const char *next = (const char *)x->p + (i0 + i + VEC) * row + w0 * (words == WORD_SWAPPED ? 2 : 4); // where the rows after these begin
			for (int64_t j = 0; j < kw; j += VEC) {
				int64_t steps = kw - j < VEC ? kw - j : VEC;
				uint32_t *to = out + j * width + g;
				if (i + 2 * VEC <= rows && (words == WORD_F32) == (x->type == DT_F32)) {
					for (int r = 0; r < VEC; r++) __builtin_prefetch(next + r * row + j * 4);
				}
				if (have == VEC && steps == VEC && j + VEC <= whole) FN(along_block)(to, width, x, i0 + i, VEC, k, w0 + j, VEC, words, 1);
				else FN(along_block)(to, width, x, i0 + i, have, k, w0 + j, steps, words, 0);
			}
		}
	}
}

// Row by row of x through all panels: its rows are long and far apart, so each is read once and whole.
INLINE void FN(pack_across)(uint32_t *out, const int64_t width, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0,
                            int64_t kw, const int words) {
	const int64_t whole = FN(whole_words)(k, words) - w0, panel = kw * width, round = (width + VEC - 1) / VEC * VEC;
	for (int64_t j = 0; j < kw; j++) {
		uint32_t *to = out + j * width;
		const int whole_stores = j + 1 < kw || width % VEC == 0; // the last k of a panel may not spill into the next panel
		int64_t p = 0;
		for (; p + round <= rows && j < whole && whole_stores; p += width, to += panel) {
			for (int64_t g = 0; g < width; g += VEC) vec_store(to + g, FN(load_across)(x, i0 + p + g, VEC, k, w0 + j, words, 1));
		}
		for (; p < rows; p += width, to += panel) {
			for (int64_t g = 0; g < width; g += VEC) {
				int64_t i = p + g, have = rows - i < 0 ? 0 : rows - i < VEC ? rows - i : VEC;
				vec v = have == 0 ? vec_zero() : FN(load_across)(x, i0 + i, have, k, w0 + j, words, 0);
				if (whole_stores) vec_store(to + g, v);
				else vec_store_lanes(to + g, v, width - g);
			}
		}
	}
}

// FN(pack_as) is the packing for one kind of word and element.
INLINE void FN(pack_as)(uint32_t *out, const int64_t width, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0,
                        int64_t kw, const int words, const int type) {
	const gemm_operand y = {x->p, x->rs, x->ks, type};
	if (y.ks == 1) FN(pack_along)(out, width, &y, i0, rows, k, w0, kw, words);
	else FN(pack_across)(out, width, &y, i0, rows, k, w0, kw, words);
}

#define PACK(name, width)                                                                                                   \
	static void FN(name)(uint32_t *out, const gemm_operand *x, int64_t i0, int64_t rows, int64_t k, int64_t w0, int64_t kw,   \
	                     int words) {                                                                                           \
		if (words == WORD_F32 && x->type == DT_F32) FN(pack_as)(out, width, x, i0, rows, k, w0, kw, WORD_F32, DT_F32);            \
		else if (words == WORD_F32) FN(pack_as)(out, width, x, i0, rows, k, w0, kw, WORD_F32, DT_BF16);                           \
		else if (words == WORD_PAIR && x->type == DT_F32) FN(pack_as)(out, width, x, i0, rows, k, w0, kw, WORD_PAIR, DT_F32);     \
		else if (words == WORD_PAIR) FN(pack_as)(out, width, x, i0, rows, k, w0, kw, WORD_PAIR, DT_BF16);                         \
		else if (x->type == DT_F32) FN(pack_as)(out, width, x, i0, rows, k, w0, kw, WORD_SWAPPED, DT_F32);                        \
		else FN(pack_as)(out, width, x, i0, rows, k, w0, kw, WORD_SWAPPED, DT_BF16);                                              \
	}
