// AdamW for one instruction set; see optimizer.c.
#include "philox_body.h"

void FN(primer_clip)(worker *w, const void *args)
{
	const clip_args *a = args;
	float *clip = (float *)a->clip;
	if (w->tid != 0)
		return;
	double norm = sqrt(*(const double *)a->sumsq), scale = 1, limit = a->max_norm;
	if (limit > 0 && norm > limit)
		scale = limit / norm;
	clip[0] = (float)scale;
	clip[1] = (float)norm;
	clip[2] = isfinite(norm) && (!a->loss || isfinite(*(const double *)a->loss));
}

typedef struct {
	vf scale, rate, c1, c2, beta1, beta2, rest1, rest2, eps;
	philox_key key[2];
} FN(adam);

// stochastic adds 16 random bits below the last bit that stays and cuts off what is below it.
INL vf FN(stochastic)(vf x, vu word)
{
	vu u = ((vu)x + (word >> 16)) & 0xffff0000u;
	return v_sel(x == x, (vf)u, x);
}

INL void FN(adam_at)(const adamw_args *a, const FN(adam) * c, int64_t e, float decay, int t, const vu *round)
{
	float *w = (float *)a->master + e;
	vf g = v_load((const float *)a->grad + e) * c->scale;
	vf m = v_fma(c->beta1, v_ld((const void *)a->m, e, W, t), c->rest1 * g);
	vf v = v_fma(c->beta2, v_ld((const void *)a->v, e, W, t), c->rest2 * (g * g));
	vf old = v_load(w);
	vf step = m * c->c1 / (v_sqrt(v * c->c2) + c->eps) + v_set1(decay) * old;
	vf new = old - c->rate * step;
	v_store(w, new);
	if (a->shadow)
		v_st((void *)a->shadow, e, W, new, DT_BF16);
	if (t == DT_BF16) {
		m = FN(stochastic)(m, round[0]);
		v = FN(stochastic)(v, round[4]);
	}
	v_st((void *)a->m, e, W, m, t);
	v_st((void *)a->v, e, W, v, t);
}

INL void FN(adam_block)(const adamw_args *a, const FN(adam) * c, int64_t block, int t)
{
	float decay = ((const uint8_t *)a->decay)[block] ? a->weight_decay : 0;
	const uint32_t none[3] = {0};
	for (int64_t e = block * ADAM_BLOCK; e < (block + 1) * ADAM_BLOCK; e += 4 * W) {
		vu round[8] = {{0}};
		if (t == DT_BF16)
			for (int i = 0; i < 2; i++)
				v_words(c->key[i], (uint64_t)(a->first + e) >> 2, none, 1, round + 4 * i);
		for (int u = 0; u < 4; u++)
			FN(adam_at)(a, c, e + u * W, decay, t, round + u);
	}
}

void FN(primer_adamw)(worker *w, const void *args)
{
	const adamw_args *a = args;
	const float *clip = (const float *)a->clip, *hyper = (const float *)a->hyper;
	int64_t from, to;
	if (clip[2] == 0)
		return;
	FN(adam) c = {
		.scale = v_set1(clip[0]), .rate = v_set1(hyper[0]), .c1 = v_set1(hyper[1]), .c2 = v_set1(hyper[2]),
		.beta1 = v_set1(a->beta1), .beta2 = v_set1(a->beta2), .rest1 = v_set1((float)(1.0 - (double)a->beta1)),
		.rest2 = v_set1((float)(1.0 - (double)a->beta2)), .eps = v_set1(a->eps),
	};
	if (a->moment_type == DT_BF16) {
		const int64_t *s = (const int64_t *)a->step;
		for (uint32_t i = 0; i < 2; i++)
			c.key[i] = philox_subkey((uint64_t)s[STEP_SEED], PURPOSE_STOCHASTIC_ROUND, (uint64_t)s[STEP_NUMBER], i);
	}
	while (team_claim(w, 0, a->len / ADAM_BLOCK, 8, &from, &to))
		for (int64_t b = from; b < to; b++) {
			if (a->moment_type == DT_BF16)
				FN(adam_block)(a, &c, b, DT_BF16);
			else
				FN(adam_block)(a, &c, b, DT_F32);
		}
}
