// The backward pass of attention for one instruction set; see attention_backward.c.
#include "micro_body.h"
#include "philox_body.h"
#include "softmax_body.h"

typedef struct {
	const attention_backward_args *a;
	int64_t ld, size, row, stride; // ld: dim in whole vectors; bytes of an element, of a head row of dout, of a row of qkv
	int64_t window;
	float *k, *kt, *vt, *dk, *dv; // of the key tile: [tile][ld], [dim][tile], [dim][tile], [tile][ld] twice
	float *q, *o, *dq;            // of the query tile: q, dout, dq, [tile][ld]
	float *p, *ds;                // [query][key]
	FN(drop_at) drop;
	int64_t doc, length; // first row and rows of the document
} FN(back);

static FN(back) FN(back_open)(worker *w, const attention_backward_args *a)
{
	char *p = team_scratch(w);
	int64_t dim = a->f.dim, ld = (dim + W - 1) / W * W, size = dt_size(a->f.type);
	FN(back) b = {.a = a, .ld = ld, .size = size, .row = a->f.heads * dim * size};
	b.stride = (a->f.heads + 2 * a->f.kv_heads) * dim * size;
	b.window = a->f.window ? a->f.window : ATT_FOREVER;
	float **tiles[] = {&b.k, &b.kt, &b.vt, &b.dk, &b.dv, &b.q, &b.o, &b.dq};
	for (int i = 0; i < 8; i++)
		*tiles[i] = cut(&p, ATT_TILE * ld);
	b.p = cut(&p, ATT_TILE * ATT_TILE);
	b.ds = cut(&p, ATT_TILE * ATT_TILE);
	b.drop = FN(drop_open)(&a->f.drop);
	return b;
}

// head returns head h (of H + 2K) of the document's row i in qkv or dqkv.
INL char *FN(head)(const FN(back) * b, uintptr_t base, int64_t i, int64_t h)
{
	return (char *)base + (b->doc + i) * b->stride + h * b->a->f.dim * b->size;
}

static void FN(load_keys)(FN(back) * b, int64_t g, int64_t j0, int64_t nk)
{
	const attention_args *f = &b->a->f;
	const char *keys = FN(head)(b, f->qkv, j0, f->heads + g), *values = FN(head)(b, f->qkv, j0, f->heads + f->kv_heads + g);
	FN(pack)(keys, b->stride, nk, f->dim, f->type, b->k, b->ld);
	FN(pack_t)(keys, b->stride, nk, f->dim, f->type, b->kt, ATT_TILE);
	FN(pack_t)(values, b->stride, nk, f->dim, f->type, b->vt, ATT_TILE);
	FN(pad_t)(b->kt, nk, f->dim, ATT_TILE);
	FN(pad_t)(b->vt, nk, f->dim, ATT_TILE);
}

static void FN(load_queries)(FN(back) * b, int64_t h, int64_t i0, int64_t nq)
{
	const attention_args *f = &b->a->f;
	const char *dout = (const char *)b->a->dout + (b->doc + i0) * b->row + h * f->dim * b->size;
	FN(pack)(FN(head)(b, f->qkv, i0, h), b->stride, nq, f->dim, f->type, b->q, b->ld);
	FN(pack)(dout, b->row, nq, f->dim, f->type, b->o, b->ld);
}

// back_row turns scores and dp of query i into dropped probabilities and ds, for keys [lo, hi), whole vectors.
INL void FN(back_row)(FN(back) * b, int64_t i, int64_t j0, int64_t lo, int64_t hi, float *p, float *ds, float lse, float delta)
{
	vf c = v_set1(b->a->f.scale * 1.44269504f), base = v_set1(lse * 1.44269504f), d = v_set1(delta);
	vu words[4] = {{0}}, limit = (vu){0} + b->drop.threshold;
	vf keep = v_set1(b->drop.keep), zero = v_set1(0);
	uint32_t rest[3] = {(uint32_t)i, b->drop.head, b->drop.sample};
	for (int64_t j = lo / (4 * W) * (4 * W); j < hi; j += 4 * W) {
		if (b->drop.on)
			v_words(b->drop.key, (uint64_t)(j0 + j) >> 2, rest, 0, words);
		for (int u = 0; u < 4 && j + u * W < hi; u++) {
			int64_t at = j + u * W;
			vf prob = v_exp2(v_fma(v_load(p + at), c, -base)), dp = v_load(ds + at), kept = prob;
			if (b->drop.on) {
				vi gone = (vi)(words[u] < limit);
				kept = v_sel(gone, zero, prob * keep);
				dp = v_sel(gone, zero, dp * keep);
			}
			v_store(p + at, kept);
			v_store(ds + at, prob * (dp - d));
		}
	}
}

// back_scores fills p (dropped) and ds of one pair of tiles of head h.
static void FN(back_scores)(FN(back) * b, int64_t h, int64_t i0, int64_t nq, int64_t j0, int64_t nk)
{
	const attention_args *f = &b->a->f;
	int64_t lo = i0 - j0 - b->window + 1, hi = i0 - j0 + 1;
	FN(micro) score = {.a = b->q, .rs = b->ld, .cs = 1, .b = b->kt, .ldb = ATT_TILE, .c = b->p, .ldc = ATT_TILE};
	FN(micro_outer)(&score, nq, nk, f->dim, lo, hi);
	FN(micro) dp = {.a = b->o, .rs = b->ld, .cs = 1, .b = b->vt, .ldb = ATT_TILE, .c = b->ds, .ldc = ATT_TILE};
	FN(micro_outer)(&dp, nq, nk, f->dim, lo, hi);
	const float *lse = (const float *)f->lse + h * f->rows + b->doc + i0;
	const float *delta = (const float *)b->a->delta + h * f->rows + b->doc + i0;
	for (int64_t i = 0; i < nq; i++)
		FN(back_row)(b, i0 + i, j0, FN(clamp)(lo + i, nk), FN(clamp)(hi + i, nk), b->p + i * ATT_TILE, b->ds + i * ATT_TILE, lse[i], delta[i]);
}

static void FN(back_dkv)(FN(back) * b, int64_t i0, int64_t nq, int64_t j0, int64_t nk)
{
	int64_t lo = j0 - i0, hi = j0 - i0 + b->window;
	FN(micro) dv = {.a = b->p, .rs = 1, .cs = ATT_TILE, .b = b->o, .ldb = b->ld, .c = b->dv, .ldc = b->ld};
	FN(micro_band)(&dv, nk, b->ld / W, nq, lo, hi);
	FN(micro) dk = {.a = b->ds, .rs = 1, .cs = ATT_TILE, .b = b->q, .ldb = b->ld, .c = b->dk, .ldc = b->ld};
	FN(micro_band)(&dk, nk, b->ld / W, nq, lo, hi);
}

static void FN(back_dq)(FN(back) * b, int64_t i0, int64_t nq, int64_t j0, int64_t nk)
{
	FN(micro) dq = {.a = b->ds, .rs = ATT_TILE, .cs = 1, .b = b->k, .ldb = b->ld, .c = b->dq, .ldc = b->ld};
	FN(micro_band)(&dq, nq, b->ld / W, nk, i0 - j0 - b->window + 1, i0 - j0 + 1);
}

// back_keep moves dq of one query tile between scratch and memory, where it waits between key tiles in F32.
static void FN(back_keep)(FN(back) * b, int64_t h, int64_t i0, int64_t nq, int64_t j0)
{
	const attention_args *f = &b->a->f;
	int64_t stride = b->stride, tile = i0 / ATT_TILE;
	char *keep = FN(head)(b, b->a->dqkv, i0, h);
	if (b->a->dq) {
		stride = f->heads * f->dim * 4;
		keep = (char *)b->a->dq + (b->doc + i0) * stride + h * f->dim * 4;
	}
	if (j0 / ATT_TILE == first_tile(tile, b->window))
		memset(b->dq, 0, (size_t)(nq * b->ld) * sizeof *b->dq);
	else
		FN(pack)(keep, stride, nq, f->dim, DT_F32, b->dq, b->ld);
	FN(back_dq)(b, i0, nq, j0, vec_min(ATT_TILE, b->length - j0));
	if (j0 / ATT_TILE == tile)
		FN(unpack)(FN(head)(b, b->a->dqkv, i0, h), b->stride, nq, f->dim, f->type, b->dq, b->ld, f->scale);
	else
		FN(unpack)(keep, stride, nq, f->dim, DT_F32, b->dq, b->ld, 1.0f);
}

// back_keys walks all query tiles of one key tile: dk and dv, and dq as well with fused.
static void FN(back_keys)(FN(back) * b, int64_t g, int64_t j0, int fused)
{
	const attention_args *f = &b->a->f;
	int64_t nk = vec_min(ATT_TILE, b->length - j0), group = f->heads / f->kv_heads;
	FN(load_keys)(b, g, j0, nk);
	memset(b->dk, 0, (size_t)(nk * b->ld) * sizeof *b->dk);
	memset(b->dv, 0, (size_t)(nk * b->ld) * sizeof *b->dv);
	for (int64_t h = g * group; h < (g + 1) * group; h++)
		for (int64_t i0 = j0; i0 < vec_min(b->length, j0 + ATT_TILE - 1 + b->window); i0 += ATT_TILE) {
			int64_t nq = vec_min(ATT_TILE, b->length - i0);
			b->drop.head = (uint32_t)h;
			FN(load_queries)(b, h, i0, nq);
			FN(back_scores)(b, h, i0, nq, j0, nk);
			FN(back_dkv)(b, i0, nq, j0, nk);
			if (fused)
				FN(back_keep)(b, h, i0, nq, j0);
		}
	FN(unpack)(FN(head)(b, b->a->dqkv, j0, f->heads + g), b->stride, nk, f->dim, f->type, b->dk, b->ld, f->scale);
	FN(unpack)(FN(head)(b, b->a->dqkv, j0, f->heads + f->kv_heads + g), b->stride, nk, f->dim, f->type, b->dv, b->ld, 1.0f);
}

// back_queries computes dq of one query tile of head h.
static void FN(back_queries)(FN(back) * b, int64_t h, int64_t i0)
{
	const attention_args *f = &b->a->f;
	int64_t nq = vec_min(ATT_TILE, b->length - i0), g = h / (f->heads / f->kv_heads), tile = i0 / ATT_TILE;
	b->drop.head = (uint32_t)h;
	FN(load_queries)(b, h, i0, nq);
	memset(b->dq, 0, (size_t)(nq * b->ld) * sizeof *b->dq);
	for (int64_t t = first_tile(tile, b->window); t <= tile; t++) {
		int64_t j0 = t * ATT_TILE, nk = vec_min(ATT_TILE, b->length - j0);
		FN(load_keys)(b, g, j0, nk);
		FN(back_scores)(b, h, i0, nq, j0, nk);
		FN(back_dq)(b, i0, nq, j0, nk);
	}
	FN(unpack)(FN(head)(b, b->a->dqkv, i0, h), b->stride, nq, f->dim, f->type, b->dq, b->ld, f->scale);
}

// back_delta computes Σ dout·out of every row and head.
static void FN(back_delta)(worker *w, const attention_backward_args *a)
{
	int64_t from, to, dim = a->f.dim, t = a->f.type;
	float *delta = (float *)a->delta;
	while (team_claim(w, 0, a->f.rows, 64, &from, &to))
		for (int64_t n = from; n < to; n++)
			for (int64_t h = 0; h < a->f.heads; h++) {
				int64_t at = (n * a->f.heads + h) * dim;
				vf acc = v_set1(0);
				for (int64_t i = 0; i < dim; i += W) {
					int64_t k = vec_min(W, dim - i);
					acc = v_fma(v_ld((const void *)a->dout, at + i, k, (int)t), v_ld((const void *)a->f.out, at + i, k, (int)t), acc);
				}
				delta[h * a->f.rows + n] = v_sum(acc);
			}
	team_barrier(w);
}

static void FN(back_enter)(FN(back) * b, int64_t doc)
{
	const int32_t *culens = (const int32_t *)b->a->f.culens;
	b->doc = culens[doc];
	b->length = culens[doc + 1] - b->doc;
	b->drop.sample = b->drop.first + (uint32_t)doc;
}

void FN(primer_attention_backward)(worker *w, const void *args)
{
	const attention_backward_args *a = args;
	const attention_args *f = &a->f;
	const int32_t *culens = (const int32_t *)f->culens;
	int64_t tiles = tile_count(culens, f->docs, f->rows), from, to;
	if (tiles < 0) {
		if (w->tid == 0)
			team_fail(w, "attention_backward", "culens do not rise from 0 to %lld", (long long)f->rows);
		return;
	}
	FN(back_delta)(w, a);
	FN(back) b = FN(back_open)(w, a);
	if (w->n == 1 || f->docs * f->kv_heads >= 4 * w->n) {
		while (team_claim(w, 1, f->docs * f->kv_heads, 1, &from, &to)) {
			FN(back_enter)(&b, from / f->kv_heads);
			for (int64_t j0 = 0; j0 < b.length; j0 += ATT_TILE)
				FN(back_keys)(&b, from % f->kv_heads, j0, 1);
		}
		return;
	}
	tile_walk walk = {.culens = culens, .docs = f->docs}, again = walk;
	while (team_claim(w, 1, tiles * f->kv_heads, 1, &from, &to)) {
		int64_t j0 = tile_find(&walk, from / f->kv_heads) * ATT_TILE;
		FN(back_enter)(&b, walk.doc);
		FN(back_keys)(&b, from % f->kv_heads, j0, 0);
	}
	while (team_claim(w, 2, tiles * f->heads, 1, &from, &to)) {
		int64_t i0 = tile_find(&again, from / f->heads) * ATT_TILE;
		FN(back_enter)(&b, again.doc);
		FN(back_queries)(&b, from % f->heads, i0);
	}
}
