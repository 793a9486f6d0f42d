// softmax_body.h: the online softmax of attention on tiles of scores [key][query], for one instruction set. Shared by
// attention and paged attention. Logarithms are to base 2 inside.

typedef struct {
	float *s;              // [ATT_TILE][ATT_TILE] scores, then probabilities, [key][query]
	float *acc;            // [ATT_TILE][ld] sums of p·v
	float *m, *l, *rescale; // [ATT_TILE] maximum, sum of exp2(score − m), factor of the last tile
} FN(online);

// drop_at is the dropout of one head of one document.
typedef struct {
	philox_key key;
	uint32_t threshold, first, head, sample; // first: sample of document 0
	float keep;
	int on;
} FN(drop_at);

SHARED FN(drop_at) FN(drop_open)(const dropout_spec *s)
{
	FN(drop_at) d = {.on = s->threshold != 0};
	if (d.on) {
		d.key = dropout_key(s);
		d.threshold = s->threshold;
		d.keep = s->keep;
		d.first = (uint32_t)((const int64_t *)s->step)[STEP_SAMPLE];
	}
	return d;
}

SHARED FN(online) FN(online_cut)(char **p, int64_t ld)
{
	FN(online) o;
	o.s = cut(p, ATT_TILE * ATT_TILE);
	o.acc = cut(p, ATT_TILE * ld);
	o.m = cut(p, ATT_TILE);
	o.l = cut(p, ATT_TILE);
	o.rescale = cut(p, ATT_TILE);
	return o;
}

SHARED void FN(online_start)(FN(online) * o, int64_t nq, int64_t ld)
{
	memset(o->acc, 0, (size_t)(nq * ld) * sizeof *o->acc);
	for (int64_t i = 0; i < ATT_TILE; i++) {
		o->m[i] = -INFINITY;
		o->l[i] = 0;
	}
}

// online_vec takes the scores of W queries, from lane q on, against the keys of one tile: query q+lane is at position
// diag+q+lane relative to key 0 of the tile. Keys that no lane may see are skipped; lanes that may not see a key get 0.
INL void FN(online_vec)(FN(online) * o, int64_t q, int64_t nk, int64_t diag, int64_t window, float scale)
{
	int64_t first = diag + q, last = first + W - 1; // positions of the first and the last lane
	int64_t lo = vec_max(0, first - window + 1), hi = vec_min(nk, last + 1);
	vf c = v_set1(scale), none = v_set1(-INFINITY), m = v_load(o->m + q);
	vf old = m, zero = v_set1(0);
	vi lane = (vi)v_iota();
	float *s = o->s + q;
	for (int64_t j = lo; j < hi; j++) {
		vf x = v_load(s + j * ATT_TILE) * c;
		if (j > first || j <= last - window) { // an edge of the mask runs through the vector
			vi least = (vi){0} + (int32_t)vec_max(j - first, -1), most = (vi){0} + (int32_t)vec_min(j + window - 1 - first, W);
			x = v_sel((lane >= least) & (lane <= most), x, none);
		}
		v_store(s + j * ATT_TILE, x);
		m = v_max(x, m);
	}
	vf base = v_sel(m == none, zero, m), sum = zero;
	int64_t j = lo;
	for (; j + 4 <= hi; j += 4) {
		vf p[4];
		for (int u = 0; u < 4; u++)
			p[u] = v_load(s + (j + u) * ATT_TILE) - base;
		v_exp2_n(p, 4);
		for (int u = 0; u < 4; u++) {
			v_store(s + (j + u) * ATT_TILE, p[u]);
			sum += p[u];
		}
	}
	for (; j < hi; j++) {
		vf p = v_exp2(v_load(s + j * ATT_TILE) - base);
		v_store(s + j * ATT_TILE, p);
		sum += p;
	}
	vf r = v_exp2(old - base);
	v_store(o->m + q, m);
	v_store(o->rescale + q, r);
	v_store(o->l + q, v_fma(v_load(o->l + q), r, sum));
}

// online_tile turns the scores of a tile into probabilities relative to the new maximum, and rescales the sums.
SHARED void FN(online_tile)(FN(online) * o, int64_t nq, int64_t nk, int64_t diag, int64_t window, float scale)
{
	for (int64_t q = 0; q < nq; q += W)
		FN(online_vec)(o, q, nk, diag, window, scale);
}

SHARED void FN(online_scale_rows)(FN(online) * o, int64_t from, int64_t to, int64_t ld)
{
	for (int64_t i = from; i < to; i++) {
		if (o->rescale[i] == 1.0f)
			continue;
		vf r = v_set1(o->rescale[i]);
		float *acc = o->acc + i * ld;
		for (int64_t d = 0; d < ld; d += W)
			v_store(acc + d, v_load(acc + d) * r);
	}
}

SHARED void FN(online_rescale)(FN(online) * o, int64_t nq, int64_t ld) { FN(online_scale_rows)(o, 0, nq, ld); }

// online_drop drops probabilities: word of (key >> 2, query, head, sample), lane by query, four keys a block. j0 is a
// multiple of 4.
SHARED void FN(online_drop)(FN(online) * o, int64_t nq, int64_t nk, int64_t i0, int64_t j0, const FN(drop_at) * d)
{
	vu limit = (vu){0} + d->threshold;
	for (int64_t q = 0; q < nq; q += W)
		for (int64_t j = 0; j < nk && j0 + j <= i0 + q + W - 1; j += 4) {
			vu c[4] = {(vu){0} + (uint32_t)((j0 + j) >> 2), v_iota() + (uint32_t)(i0 + q), (vu){0} + d->head, (vu){0} + d->sample};
			v_philox(d->key, c);
			for (int64_t e = 0; e < vec_min(4, nk - j); e++) {
				float *s = o->s + (j + e) * ATT_TILE + q;
				v_store(s, v_sel((vi)(c[e] < limit), v_set1(0), v_load(s) * v_set1(d->keep)));
			}
		}
}

// online_finish divides by the sums.
SHARED void FN(online_finish)(FN(online) * o, int64_t nq, int64_t ld)
{
	for (int64_t i = 0; i < nq; i++) {
		vf r = v_set1(1.0f / o->l[i]);
		for (int64_t d = 0; d < ld; d += W)
			v_store(o->acc + i * ld + d, v_load(o->acc + i * ld + d) * r);
	}
}

// online_lse returns the natural log-sum-exp of query i.
INL float FN(online_lse)(const FN(online) * o, int64_t i)
{
	return (float)((double)o->m[i] * 0.69314718055994530942 + log((double)o->l[i]));
}
