// The paged cache for one instruction set; see paged.c.
#include "micro_body.h"
#include "philox_body.h"
#include "softmax_body.h"
#include "paged_direct_body.h"

static void FN(write_row)(const paged_write_args *a, int64_t n, int64_t slot)
{
	int64_t from = dt_size(a->type), to = dt_size(a->cache_type), page = slot / a->page_size, at = slot % a->page_size;
	uintptr_t caches[2] = {a->kcache, a->vcache};
	for (int64_t g = 0; g < 2 * a->kv_heads; g++) {
		const char *src = (const char *)a->qkv + (n * (a->heads + 2 * a->kv_heads) + a->heads + g) * a->dim * from;
		int64_t row = (page * a->kv_heads + g % a->kv_heads) * a->page_size + at;
		char *dst = (char *)caches[g / a->kv_heads] + row * a->dim * to;
		if (a->type == a->cache_type) {
			memcpy(dst, src, (size_t)(a->dim * to));
			continue;
		}
		for (int64_t i = 0; i < a->dim; i += W) {
			int64_t k = vec_min(W, a->dim - i);
			v_st(dst, i, k, v_ld(src, i, k, a->type), a->cache_type);
		}
	}
}

void FN(primer_paged_write)(worker *w, const void *args)
{
	const paged_write_args *a = args;
	int64_t from, to, limit = a->pages * a->page_size;
	while (team_claim(w, 0, a->rows, 8, &from, &to))
		for (int64_t n = from; n < to; n++) {
			int64_t slot = ((const int64_t *)a->slots)[n];
			if (slot >= limit)
				team_fail(w, "paged_write", "row %lld: slot %lld of a cache of %lld", (long long)n, (long long)slot, (long long)limit);
			else if (slot >= 0)
				FN(write_row)(a, n, slot);
		}
}

// paged is a thread's view of one sequence.
typedef struct {
	const paged_attention_args *a;
	int64_t ld, window, group;
	float *q, *k, *v;    // queries [tile][ld] or [dim][tile]; keys [tile][ld] or [dim][tile]; values [tile][ld]
	FN(online) on;       // of one split
	float *acc, *m, *l;  // merged
	int64_t seq, row, nq, len, first; // sequence, its first row, new rows, length, position of the first new row
} FN(paged);

static FN(paged) FN(paged_open)(worker *w, const paged_attention_args *a)
{
	char *p = team_scratch(w);
	FN(paged) s = {.a = a, .ld = (a->dim + W - 1) / W * W, .group = a->heads / a->kv_heads};
	s.window = a->window ? a->window : ATT_FOREVER;
	s.q = cut(&p, ATT_TILE * s.ld);
	s.k = cut(&p, ATT_TILE * s.ld);
	s.v = cut(&p, ATT_TILE * s.ld);
	s.on = FN(online_cut)(&p, s.ld);
	s.acc = cut(&p, ATT_TILE * s.ld);
	s.m = cut(&p, ATT_TILE);
	s.l = cut(&p, ATT_TILE);
	return s;
}

static void FN(paged_enter)(FN(paged) * s, int64_t seq)
{
	const int32_t *culens = (const int32_t *)s->a->culens;
	s->seq = seq;
	s->row = culens[seq];
	s->nq = culens[seq + 1] - s->row;
	s->len = ((const int32_t *)s->a->lens)[seq];
	s->first = s->len - s->nq;
}

INL int FN(is_narrow)(const FN(paged) * s) { return s->nq <= PAGED_NARROW && s->nq * s->group <= ATT_TILE; }

// paged_rows packs the rows of head g at positions [j0, j0+nk), page by page, without those below the window of every new row
// (their pages may be gone); transposed rows have ATT_TILE columns.
static void FN(paged_rows)(FN(paged) * s, uintptr_t cache, int64_t g, int64_t j0, int64_t nk, int64_t lowest, float *dst, int transposed)
{
	const paged_attention_args *a = s->a;
	int64_t size = dt_size(a->cache_type), row = a->dim * size;
	const int32_t *table = (const int32_t *)a->table + s->seq * a->table_width;
	for (int64_t j = vec_max(0, lowest - j0); j < nk;) {
		int64_t at = (j0 + j) % a->page_size, n = vec_min(nk - j, a->page_size - at);
		const char *src = (const char *)cache + (((int64_t)table[(j0 + j) / a->page_size] * a->kv_heads + g) * a->page_size + at) * row;
		if (transposed)
			FN(pack_t)(src, row, n, a->dim, a->cache_type, dst + j, ATT_TILE);
		else
			FN(pack)(src, row, n, a->dim, a->cache_type, dst + j * s->ld, s->ld);
		j += n;
	}
}

// paged_at finds those rows where they lie: at has ATT_TILE addresses, and what is missing stands for a row that is there.
static void FN(paged_at)(const FN(paged) * s, uintptr_t cache, int64_t g, int64_t j0, int64_t nk, int64_t lowest, const char **at)
{
	const paged_attention_args *a = s->a;
	const int32_t *table = (const int32_t *)a->table + s->seq * a->table_width;
	int64_t row = a->dim * dt_size(a->cache_type), first = vec_max(0, lowest - j0);
	for (int64_t j = first; j < nk;) {
		int64_t in = (j0 + j) % a->page_size, end = vec_min(nk, j + a->page_size - in);
		const char *p = (const char *)cache + (((int64_t)table[(j0 + j) / a->page_size] * a->kv_heads + g) * a->page_size + in) * row;
		for (; j < end; j++, p += row)
			at[j] = p;
	}
	for (int64_t j = 0; j < first; j++)
		at[j] = at[first];
	for (int64_t j = nk; j < ATT_TILE; j++)
		at[j] = at[first];
}

// paged_merge adds a split's result of one row to what the splits before gave.
INL void FN(paged_merge)(float *m, float *l, float *acc, float m2, float l2, const float *acc2, int64_t ld)
{
	if (m2 == -INFINITY && l2 == 0)
		return; // the row may see no key of this split
	float top = *m > m2 ? *m : m2, base = top == -INFINITY ? 0 : top;
	vf a = v_exp2(v_set1(*m - base)), b = v_exp2(v_set1(m2 - base));
	for (int64_t d = 0; d < ld; d += W)
		v_store(acc + d, v_fma(v_load(acc2 + d), b, v_load(acc + d) * a));
	*l = v_fma(v_set1(l2), b, v_set1(*l) * a)[0];
	*m = top;
}

static void FN(merge_start)(float *m, float *l, float *acc, int64_t rows, int64_t ld)
{
	memset(acc, 0, (size_t)(rows * ld) * sizeof *acc);
	for (int64_t i = 0; i < rows; i++) {
		m[i] = -INFINITY;
		l[i] = 0;
	}
}

// paged_out divides by the sum and writes one row of one head.
static void FN(paged_out)(const FN(paged) * s, int64_t row, int64_t h, float l, float *acc)
{
	const paged_attention_args *a = s->a;
	vf r = v_set1(1.0f / l);
	for (int64_t d = 0; d < s->ld; d += W)
		v_store(acc + d, v_load(acc + d) * r);
	FN(unpack)((char *)a->out + (row * a->heads + h) * a->dim * dt_size(a->type), 0, 1, a->dim, a->type, acc, s->ld, 1.0f);
}

// wide_split runs one split of keys [from, to) for queries at positions [i0, i0+nq) of one head, queries in the lanes.
static void FN(wide_split)(FN(paged) * s, int64_t g, int64_t i0, int64_t nq, int64_t from, int64_t to)
{
	const paged_attention_args *a = s->a;
	FN(online_start)(&s->on, nq, s->ld);
	for (int64_t j0 = from; j0 < vec_min(to, i0 + nq); j0 += ATT_TILE) {
		int64_t nk = vec_min(ATT_TILE, vec_min(to, i0 + nq) - j0);
		if (j0 + nk <= i0 - s->window + 1)
			continue;
		FN(paged_rows)(s, a->kcache, g, j0, nk, i0 - s->window + 1, s->k, 0);
		FN(paged_rows)(s, a->vcache, g, j0, nk, i0 - s->window + 1, s->v, 0);
		FN(micro) score = {.a = s->k, .rs = s->ld, .cs = 1, .b = s->q, .ldb = ATT_TILE, .c = s->on.s, .ldc = ATT_TILE};
		FN(micro_outer)(&score, nk, nq, a->dim, j0 - i0, j0 - i0 + s->window);
		FN(online_tile)(&s->on, nq, nk, i0 - j0, s->window, a->scale * 1.44269504f);
		FN(online_rescale)(&s->on, nq, s->ld);
		FN(micro) sum = {.a = s->on.s, .rs = 1, .cs = ATT_TILE, .b = s->v, .ldb = s->ld, .c = s->on.acc, .ldc = s->ld};
		FN(micro_band)(&sum, nq, s->ld / W, nk, i0 - j0 - s->window + 1, i0 - j0 + 1);
	}
}

// wide_item computes new rows [q0, q0+nq) of the sequence for one head.
static void FN(wide_item)(FN(paged) * s, int64_t h, int64_t q0, int64_t nq)
{
	const paged_attention_args *a = s->a;
	int64_t size = dt_size(a->type), stride = (a->heads + 2 * a->kv_heads) * a->dim * size, i0 = s->first + q0;
	FN(pack_t)((const char *)a->qkv + (s->row + q0) * stride + h * a->dim * size, stride, nq, a->dim, a->type, s->q, ATT_TILE);
	FN(pad_t)(s->q, nq, a->dim, ATT_TILE);
	FN(merge_start)(s->m, s->l, s->acc, nq, s->ld);
	for (int64_t from = vec_max(0, i0 - s->window + 1) / a->split * a->split; from < i0 + nq; from += a->split) {
		FN(wide_split)(s, h / s->group, i0, nq, from, from + a->split);
		for (int64_t i = 0; i < nq; i++)
			FN(paged_merge)(s->m + i, s->l + i, s->acc + i * s->ld, s->on.m[i], s->on.l[i], s->on.acc + i * s->ld, s->ld);
	}
	for (int64_t i = 0; i < nq; i++)
		FN(paged_out)(s, s->row + q0 + i, h, s->l[i], s->acc + i * s->ld);
}

// narrow_softmax is online_vec for one row: its scores of a tile, keys [lo, hi) allowed, keys in the lanes.
INL void FN(narrow_softmax)(FN(online) * o, int64_t r, int64_t lo, int64_t hi, float scale)
{
	float *x = o->s + r * ATT_TILE, total = 0;
	vf old = v_set1(o->m[r]), m = old, none = v_set1(-INFINITY), c = v_set1(scale);
	int64_t from = lo / W * W;
	for (int64_t j = from; j < hi; j += W) {
		vi at = (vi)v_iota() + (int32_t)j;
		vf v = v_sel((at >= (int32_t)lo) & (at < (int32_t)hi), v_load(x + j) * c, none);
		v_store(x + j, v);
		m = v_max(v, m);
	}
	float top = v_hmax(m);
	vf base = v_set1(top == -INFINITY ? 0 : top);
	for (int64_t j = from; j < hi; j += W)
		v_store(x + j, v_exp2(v_load(x + j) - base));
	for (int64_t j = lo; j < hi; j++)
		total += x[j];
	vf r1 = v_exp2(old - base);
	o->m[r] = top;
	o->rescale[r] = r1[0];
	o->l[r] = v_fma(v_set1(o->l[r]), r1, v_set1(total))[0];
}

// narrow_split runs one split for all new rows and all heads of group g; row r of the scratch is new row r / group, head
// r mod group.
static void FN(narrow_split)(FN(paged) * s, int64_t g, int64_t from, int64_t to)
{
	const paged_attention_args *a = s->a;
	int64_t rows = s->nq * s->group, nv = s->ld / W;
	const int direct = rows <= 2 && a->dim % W == 0;
	const char *key[ATT_TILE], *value[ATT_TILE], *next[ATT_TILE]; // next: keys of the next tile
	const int64_t lowest = s->first - s->window + 1;
	to = vec_min(to, s->len);
	FN(online_start)(&s->on, rows, s->ld);
	for (int64_t j0 = from; j0 < to; j0 += ATT_TILE) {
		int64_t nk = vec_min(ATT_TILE, to - j0);
		if (j0 + nk <= lowest)
			continue;
		const int64_t behind = vec_min(ATT_TILE, s->len - j0 - ATT_TILE); // keys of the next tile
		if (direct) {
			FN(paged_at)(s, a->kcache, g, j0, nk, lowest, key);
			FN(paged_at)(s, a->vcache, g, j0, nk, lowest, value);
			if (behind > 0)
				FN(paged_at)(s, a->kcache, g, j0 + ATT_TILE, behind, lowest, next);
			FN(direct_scores)(s->q, s->ld, key, value, nk, a->dim, a->cache_type, s->on.s, rows);
		} else {
			FN(paged_rows)(s, a->kcache, g, j0, nk, lowest, s->k, 1);
			FN(paged_rows)(s, a->vcache, g, j0, nk, lowest, s->v, 0);
			FN(micro) score = {.a = s->q, .rs = s->ld, .cs = 1, .b = s->k, .ldb = ATT_TILE, .c = s->on.s, .ldc = ATT_TILE};
			FN(micro_rows)(&score, 0, rows, (nk + W - 1) / W, 0, a->dim, 0);
		}
		FN(micro) sum = {.a = s->on.s, .rs = ATT_TILE, .cs = 1, .b = s->v, .ldb = s->ld, .c = s->on.acc, .ldc = s->ld};
		for (int64_t q = 0; q < s->nq; q++) {
			int64_t i = s->first + q, lo = FN(clamp)(i - s->window + 1 - j0, nk), hi = FN(clamp)(i - j0 + 1, nk);
			if (lo >= hi)
				continue;
			for (int64_t r = q * s->group; r < (q + 1) * s->group; r++)
				FN(narrow_softmax)(&s->on, r, lo, hi, a->scale * 1.44269504f);
			FN(online_scale_rows)(&s->on, q * s->group, (q + 1) * s->group, s->ld);
			if (!direct) {
				FN(micro_rows)(&sum, q * s->group, s->group, nv, lo, hi, 1);
				continue;
			}
			for (int64_t r = q * s->group; r < (q + 1) * s->group; r++)
				FN(direct_sum)(s->on.acc + r * s->ld, s->on.s + r * ATT_TILE, value, behind > 0 ? next : key,
				                behind > 0 && r == 0 ? a->dim * dt_size(a->cache_type) : 0, lo, hi, a->dim, a->cache_type);
		}
	}
}

static void FN(narrow_load)(FN(paged) * s, int64_t g)
{
	const paged_attention_args *a = s->a;
	int64_t row = a->dim * dt_size(a->type);
	for (int64_t q = 0; q < s->nq; q++) {
		const char *src = (const char *)a->qkv + ((s->row + q) * (a->heads + 2 * a->kv_heads) + g * s->group) * row;
		FN(pack)(src, row, s->group, a->dim, a->type, s->q + q * s->group * s->ld, s->ld);
	}
}

// narrow_item computes one sequence and group with all its splits.
static void FN(narrow_item)(FN(paged) * s, int64_t g)
{
	int64_t rows = s->nq * s->group, split = s->a->split;
	FN(narrow_load)(s, g);
	FN(merge_start)(s->m, s->l, s->acc, rows, s->ld);
	for (int64_t from = vec_max(0, s->first - s->window + 1) / split * split; from < s->len; from += split) {
		FN(narrow_split)(s, g, from, from + split);
		for (int64_t r = 0; r < rows; r++)
			FN(paged_merge)(s->m + r, s->l + r, s->acc + r * s->ld, s->on.m[r], s->on.l[r], s->on.acc + r * s->ld, s->ld);
	}
	for (int64_t r = 0; r < rows; r++)
		FN(paged_out)(s, s->row + r / s->group, g * s->group + r % s->group, s->l[r], s->acc + r * s->ld);
}

// part returns where the workspace keeps the result of (narrow row, head, split): m, l and the sums.
INL float *FN(part)(const FN(paged) * s, int64_t row, int64_t h, int64_t split)
{
	const paged_attention_args *a = s->a;
	int64_t splits = (a->max_len + a->split - 1) / a->split, size = (a->dim + 15) / 16 * 16 + 16;
	return (float *)a->work + ((row * a->heads + h) * splits + split) * size;
}

// narrow_part computes one split and leaves it in the workspace; before is the number of narrow rows of earlier sequences.
static void FN(narrow_part)(FN(paged) * s, int64_t g, int64_t split, int64_t before)
{
	FN(narrow_load)(s, g);
	FN(narrow_split)(s, g, split * s->a->split, (split + 1) * s->a->split);
	for (int64_t r = 0; r < s->nq * s->group; r++) {
		float *p = FN(part)(s, before + r / s->group, g * s->group + r % s->group, split);
		p[0] = s->on.m[r];
		p[1] = s->on.l[r];
		memcpy(p + 16, s->on.acc + r * s->ld, (size_t)s->ld * sizeof *p);
	}
}

static void FN(narrow_join)(FN(paged) * s, int64_t h, int64_t before)
{
	int64_t split = s->a->split;
	for (int64_t q = 0; q < s->nq; q++) {
		FN(merge_start)(s->m, s->l, s->acc, 1, s->ld);
		for (int64_t i = vec_max(0, s->first - s->window + 1) / split; i * split < s->len; i++) {
			const float *p = FN(part)(s, before + q, h, i);
			FN(paged_merge)(s->m, s->l, s->acc, p[0], p[1], p + 16, s->ld);
		}
		FN(paged_out)(s, s->row + q, h, s->l[0], s->acc);
	}
}

// paged_valid reports whether every sequence fits its pages and the bound; thread 0 says what does not.
static int FN(paged_valid)(worker *w, const paged_attention_args *a)
{
	const int32_t *culens = (const int32_t *)a->culens, *lens = (const int32_t *)a->lens, *table = (const int32_t *)a->table;
	for (int64_t s = 0; s < a->seqs; s++) {
		int64_t nq = (int64_t)culens[s + 1] - culens[s], pages = (lens[s] + a->page_size - 1) / a->page_size, bad = -1;
		for (int64_t p = 0; p < vec_min(pages, a->table_width); p++)
			if (nq > 0 && (table[s * a->table_width + p] < 0 || table[s * a->table_width + p] >= a->pages) &&
			    (a->window == 0 || (p + 1) * a->page_size > lens[s] - nq - a->window + 1))
				bad = p;
		if (culens[0] == 0 && culens[a->seqs] == a->rows && nq >= 0 && lens[s] >= nq && lens[s] <= a->max_len && pages <= a->table_width && bad < 0)
			continue;
		if (w->tid == 0)
			team_fail(w, "paged_attention", "sequence %lld: %lld new rows, length %lld (at most %lld, %lld pages), bad page at %lld", (long long)s,
				(long long)nq, (long long)lens[s], (long long)a->max_len, (long long)a->table_width, (long long)bad);
		return 0;
	}
	return 1;
}

// paged_wide claims the tiles of the sequences with many new rows.
static void FN(paged_wide)(worker *w, FN(paged) * s)
{
	const paged_attention_args *a = s->a;
	tile_walk walk = {.culens = (const int32_t *)a->culens, .docs = a->seqs};
	int64_t tiles = tile_count(walk.culens, a->seqs, a->rows), from, to;
	while (team_claim(w, 0, tiles * a->heads, 1, &from, &to)) {
		int64_t q0 = tile_find(&walk, from / a->heads) * ATT_TILE;
		FN(paged_enter)(s, walk.doc);
		if (!FN(is_narrow)(s))
			FN(wide_item)(s, from % a->heads, q0, vec_min(ATT_TILE, s->nq - q0));
	}
}

// narrow_enter moves to sequence seq and keeps count of the narrow rows before it; seq never falls.
static int FN(narrow_enter)(FN(paged) * s, int64_t seq, int64_t *at, int64_t *before)
{
	for (; *at < seq; ++*at) {
		FN(paged_enter)(s, *at);
		*before += FN(is_narrow)(s) ? s->nq : 0;
	}
	FN(paged_enter)(s, seq);
	return s->nq > 0 && FN(is_narrow)(s);
}

void FN(primer_paged_attention)(worker *w, const void *args)
{
	const paged_attention_args *a = args;
	int64_t from, to, splits = (a->max_len + a->split - 1) / a->split, at = 0, before = 0;
	if (!FN(paged_valid)(w, a))
		return;
	FN(paged) s = FN(paged_open)(w, a);
	FN(paged_wide)(w, &s);
	if (!a->work) {
		while (team_claim(w, 1, a->seqs * a->kv_heads, 1, &from, &to))
			if (FN(narrow_enter)(&s, from / a->kv_heads, &at, &before))
				FN(narrow_item)(&s, from % a->kv_heads);
		return;
	}
	while (team_claim(w, 1, a->seqs * a->kv_heads * splits, 1, &from, &to)) {
		int64_t split = from % splits;
		if (FN(narrow_enter)(&s, from / splits / a->kv_heads, &at, &before) && split * a->split < s.len &&
		    (split + 1) * a->split > s.first - s.window + 1)
			FN(narrow_part)(&s, from / splits % a->kv_heads, split, before);
	}
	team_barrier(w);
	at = before = 0;
	while (team_claim(w, 2, a->seqs * a->heads, 1, &from, &to))
		if (FN(narrow_enter)(&s, from / a->heads, &at, &before))
			FN(narrow_join)(&s, from % a->heads, before);
}
