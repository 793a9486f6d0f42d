// The forward pass of attention for one instruction set; see attention.c.
#include "micro_body.h"
#include "philox_body.h"
#include "softmax_body.h"

typedef struct {
	float *qt, *k, *v; // [dim][tile] queries transposed; [tile][ld] keys and values
	FN(online) on;
	int64_t ld; // dim rounded up to whole vectors
} FN(att_scratch);

static FN(att_scratch) FN(att_cut)(worker *w, int64_t dim)
{
	char *p = team_scratch(w);
	FN(att_scratch) s = {.ld = (dim + W - 1) / W * W};
	s.qt = cut(&p, dim * ATT_TILE);
	s.k = cut(&p, ATT_TILE * s.ld);
	s.v = cut(&p, ATT_TILE * s.ld);
	s.on = FN(online_cut)(&p, s.ld);
	return s;
}

// att_item computes one tile of queries of one head: rows [row, row+nq), positions from i0 on in their document.
static void FN(att_item)(const attention_args *a, FN(att_scratch) * s, const FN(drop_at) * drop, int64_t doc_row, int64_t i0, int64_t nq, int64_t h, int64_t length)
{
	int64_t size = dt_size(a->type), heads = a->heads + 2 * a->kv_heads, stride = heads * a->dim * size;
	int64_t g = h / (a->heads / a->kv_heads), row = doc_row + i0, window = a->window ? a->window : ATT_FOREVER;
	const char *doc = (const char *)a->qkv + doc_row * stride;
	const char *keys = doc + (a->heads + g) * a->dim * size, *values = keys + a->kv_heads * a->dim * size;
	FN(pack_t)(doc + i0 * stride + h * a->dim * size, stride, nq, a->dim, a->type, s->qt, ATT_TILE);
	FN(pad_t)(s->qt, nq, a->dim, ATT_TILE);
	FN(online_start)(&s->on, nq, s->ld);
	for (int64_t t = first_tile(i0 / ATT_TILE, window); t * ATT_TILE < i0 + nq; t++) {
		int64_t j0 = t * ATT_TILE, nk = vec_min(ATT_TILE, vec_min(length, i0 + nq) - j0);
		FN(pack)(keys + j0 * stride, stride, nk, a->dim, a->type, s->k, s->ld);
		FN(pack)(values + j0 * stride, stride, nk, a->dim, a->type, s->v, s->ld);
		FN(micro) score = {.a = s->k, .rs = s->ld, .cs = 1, .b = s->qt, .ldb = ATT_TILE, .c = s->on.s, .ldc = ATT_TILE};
		FN(micro_outer)(&score, nk, nq, a->dim, j0 - i0, j0 - i0 + window);
		FN(online_tile)(&s->on, nq, nk, i0 - j0, window, a->scale * 1.44269504f);
		FN(online_rescale)(&s->on, nq, s->ld);
		if (drop)
			FN(online_drop)(&s->on, nq, nk, i0, j0, drop);
		FN(micro) sum = {.a = s->on.s, .rs = 1, .cs = ATT_TILE, .b = s->v, .ldb = s->ld, .c = s->on.acc, .ldc = s->ld};
		FN(micro_band)(&sum, nq, s->ld / W, nk, i0 - j0 - window + 1, i0 - j0 + 1);
	}
	FN(online_finish)(&s->on, nq, s->ld);
	char *out = (char *)a->out + (row * a->heads + h) * a->dim * size;
	FN(unpack)(out, a->heads * a->dim * size, nq, a->dim, a->type, s->on.acc, s->ld, 1.0f);
	float *lse = (float *)a->lse + h * a->rows + row;
	for (int64_t i = 0; i < nq; i++)
		lse[i] = FN(online_lse)(&s->on, i);
}

void FN(primer_attention)(worker *w, const void *args)
{
	const attention_args *a = args;
	const int32_t *culens = (const int32_t *)a->culens;
	int64_t tiles = tile_count(culens, a->docs, a->rows), from, to;
	if (tiles < 0) {
		if (w->tid == 0)
			team_fail(w, "attention", "culens do not rise from 0 to %lld", (long long)a->rows);
		return;
	}
	FN(att_scratch) s = FN(att_cut)(w, a->dim);
	FN(drop_at) drop = FN(drop_open)(&a->drop);
	tile_walk walk = {.culens = culens, .docs = a->docs};
	while (team_claim(w, 0, tiles * a->heads, 1, &from, &to)) {
		int64_t h = from % a->heads, i0 = tile_find(&walk, from / a->heads) * ATT_TILE;
		int64_t start = culens[walk.doc], length = culens[walk.doc + 1] - start;
		drop.head = (uint32_t)h;
		drop.sample = drop.first + (uint32_t)walk.doc;
		FN(att_item)(a, &s, drop.on ? &drop : 0, start, i0, vec_min(ATT_TILE, length - i0), h, length);
	}
}
