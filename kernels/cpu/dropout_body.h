// Dropout for one instruction set; see dropout.c.
#include "philox_body.h"

// drop_some drops k elements from e on by the words at hand.
INL void FN(drop_some)(const dropout_args *a, const uint32_t *words, int64_t e, int64_t k, int t)
{
	vu word;
	memcpy(&word, words, sizeof word);
	vi gone = (vi)(word < (vu){0} + a->drop.threshold);
	vf x = v_ld((const void *)a->x, e, k, t) * v_set1(a->drop.keep);
	v_st((void *)a->out, e, k, v_sel(gone, v_set1(0), x), t);
}

INL void FN(drop_piece)(const dropout_args *a, philox_key key, uint64_t first, int64_t from, int64_t to, int t)
{
	uint32_t words[5 * W] = {0};
	const uint32_t none[3] = {0};
	for (int64_t e = from; e < to;) {
		uint64_t index = first + (uint64_t)e;
		vu out[4];
		v_words(key, index >> 2, none, 1, out);
		memcpy(words, out, sizeof out);
		int64_t skip = (int64_t)(index & 3), n = vec_min(4 * W - skip, to - e), i = 0;
		for (; i + W <= n; i += W)
			FN(drop_some)(a, words + skip + i, e + i, W, t);
		if (i < n)
			FN(drop_some)(a, words + skip + i, e + i, n - i, t);
		e += n;
	}
}

void FN(primer_dropout)(worker *w, const void *args)
{
	const dropout_args *a = args;
	philox_key key = {0, 0};
	uint64_t first = 0;
	int64_t from, to;
	if (a->drop.threshold) {
		key = dropout_key(&a->drop);
		first = (uint64_t)((const int64_t *)a->drop.step)[STEP_TOKEN] * (uint64_t)a->dim;
	}
	while (team_claim(w, 0, a->len, DROP_PIECE, &from, &to)) {
		int64_t at = from * dt_size(a->type);
		if (a->drop.threshold == 0) {
			if (a->out != a->x)
				memcpy((char *)a->out + at, (const char *)a->x + at, (size_t)((to - from) * dt_size(a->type)));
		} else if (a->type == DT_BF16) {
			FN(drop_piece)(a, key, first, from, to, DT_BF16);
		} else {
			FN(drop_piece)(a, key, first, from, to, DT_F32);
		}
	}
}
