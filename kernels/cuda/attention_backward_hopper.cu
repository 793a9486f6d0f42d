// The gradients of causal attention with Hopper's products of warpgroups (wgmma): the kernels "keys" and "queries" of
// attention_backward.cu; delta is made by the one there. What is computed, and why in two passes, is said
// there too.
//
// A block is 128 keys (queries), 64 a warpgroup, and walks through tiles of 64 queries (keys) in three stages. Of its four (three)
// products the two that give p and dp begin together; while exponentials of the first are made the second goes on, and what is added
// to the gradients from one tile goes on while the products of the next begin: a stage is written again only when all have come
// past the wait in the tile after next. p and ds stay in the registers in which they were made.
//
// Main shape as attention_backward.cu's. Measured on an H200: D 64, T 2048: 238 TFLOP/s by five products a pair, 1.07 × flash and
// 0.72 × cuDNN in one run. No spills; at D 128 that takes waiting for dv within its tile, and with dropout one product at a time.
#include "attention_group.cuh"

#if WARPGROUPS

#define BACKWARD_STAGES 3

// next_stage is the stage behind one.
DEVICE int next_stage(int stage) { return stage == BACKWARD_STAGES - 1 ? 0 : stage + 1; }

// group_turn is which tile of queries comes: number i of the walk, of a head; whole ones of all heads first.
struct group_turn {
	int head, i;

	// after is the turn behind one; its head is first_head + heads behind the last.
	DEVICE group_turn after(group_turn now, const walk &w, int first_head, int heads) {
		const int tiles = tiles_of(w);
		if (++now.i != w.wholes && now.i != tiles) return now;
		const bool edges = now.i == tiles;
		if (++now.head < first_head + heads) return {now.head, edges ? w.wholes : 0};
		return {edges ? now.head : first_head, w.wholes};
	}
};

// to_probabilities_of_keys makes p [key][query] of products; statistics: log-sum-exp to base 2 of the tile's queries, then delta.
template <int NB> DEVICE void to_probabilities_of_keys(float (&p)[1][NB][4], const float *statistics, float scale) {
	const int t = threadIdx.x % 4;
	UNROLL for (int n = 0; n < NB; n++)
		UNROLL for (int e = 0; e < 4; e++) p[0][n][e] = exp2_fast(fma_rn(p[0][n][e], scale, -statistics[8 * n + 2 * t + e % 2]));
}
// to_ds makes ds of dp.
template <bool DROP, int NB> DEVICE void to_ds(float (&ds)[1][NB][4], const float (&p)[1][NB][4], const float *statistics, float keep) {
	const int t = threadIdx.x % 4;
	UNROLL for (int n = 0; n < NB; n++)
		UNROLL for (int e = 0; e < 4; e++) {
			float dp = ds[0][n][e];
			if (DROP) dp = is_dropped(p[0][n][e]) ? 0 : dp * keep;
			ds[0][n][e] = f32_bits(bits_f32(p[0][n][e]) & 0x7fffffffu) * (dp - statistics[8 * NB + 8 * n + 2 * t + e % 2]);
		}
}
template <bool DROP, int NB> DEVICE void drop_keys(const attention_args &a, float (&p)[1][NB][4], const document &doc, int head, int q0, int k0) {
	if (!DROP) return;
	kept_bits<1> bits;
	kept_by_key<1, NB>(bits, open_dropout(a, head, doc.index), q0, k0);
	mark_dropped(p, bits);
}

// Rows of a block: 64 keys for each of two warpgroups, against tiles of 64 queries of every head of the group.
template <int D, bool DROP> DEVICE void backward_keys(const attention_backward_args &b) {
	constexpr int THREADS = 256, ROWS = 128, QUERIES = 64, NB = QUERIES / 8, STAGE = 2 * QUERIES * D;
	constexpr bool EARLY = D > 64;        // dv is waited for in its own tile, which spares registers
	constexpr bool ALONE = D > 64 && DROP; // one product at a time, for the same reason
	const attention_args &a = b.f;
	const int g = blockIdx.x % a.kv_heads, group = a.heads / a.kv_heads;
	const document doc = find_document<ROWS>(a, blockIdx.x / a.kv_heads);
	if (doc.length == 0) return;
	bf16 *keys = aligned_shared(), *values = keys + ROWS * D, *stages = values + ROWS * D;
	float *statistics = (float *)(stages + BACKWARD_STAGES * STAGE); // [BACKWARD_STAGES][2][QUERIES]
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * a.dim, out_stride = (i64)a.heads * a.dim;
	const bf16 *rows = (const bf16 *)a.qkv + doc.start * stride;
	const int k = (a.heads + g) * a.dim, v = k + a.kv_heads * a.dim; // columns of a row
	const bf16 *dout = (const bf16 *)b.dout + doc.start * out_stride;
	walk order = queries_of<ROWS, QUERIES>(doc, a.window);
	if (ALONE) order.wholes = 0;

	// begin starts the copy of a tile of queries; their statistics go through a register of their threads.
	const auto begin = [&](int stage, group_turn of) {
		bf16 *to = stages + stage * STAGE;
		const int q0 = tile_at(order, of.i) * QUERIES;
		load_tile<QUERIES, D, THREADS, column_places<QUERIES>>(to, rows + (i64)of.head * a.dim, stride, q0, doc.length, a.dim);
		load_tile<QUERIES, D, THREADS, column_places<QUERIES>>(to + QUERIES * D, dout + (i64)of.head * a.dim, out_stride, q0, doc.length, a.dim);
		cp_commit();
		const int query = q0 + threadIdx.x % QUERIES;
		const i64 at = of.head * a.rows + doc.start + query;
		if (threadIdx.x < QUERIES) return query < doc.length ? a.lse[at] * LOG2_E : PLUS_INFINITY; // past the end: p = 0
		return threadIdx.x < 2 * QUERIES && query < doc.length ? b.delta[at] : 0.0f;
	};
	load_tile<ROWS, D, THREADS, column_places<ROWS>>(keys, rows + k, stride, doc.first, doc.length, a.dim);
	load_tile<ROWS, D, THREADS, column_places<ROWS>>(values, rows + v, stride, doc.first, doc.length, a.dim);
	group_turn turn = {g * group, 0};
	float next = begin(0, turn);

	const int warp = threadIdx.x / WARP, row0 = 16 * warp, group0 = warp / 4 * 64;
	const bf16 *my_keys = keys + group0 * GROUP_COLUMN, *my_values = values + group0 * GROUP_COLUMN;
	const float scale = a.scale * LOG2_E;
	float dk[1][D / 8][4] = {}, dv[1][D / 8][4] = {}, p[1][NB][4], ds[1][NB][4];
	weights<1, NB> w_p = {}, w_ds = {};
	int stage = 0;
	// arrive waits until the turn's stage is there for all, whose products of the stage before the last are done then, and begins the next.
	const auto arrive = [&]() {
		float *mine = statistics + stage * 2 * QUERIES;
		if (threadIdx.x < 2 * QUERIES) mine[threadIdx.x] = next;
		cp_wait<0>();
		fence_products();
		__syncthreads();
		turn = group_turn::after(turn, order, g * group, group);
		stage = next_stage(stage);
		if (turn.head < (g + 1) * group) next = begin(stage, turn);
		return (const float *)mine;
	};
	hold(dk[0]);
	hold(dv[0]);
	_Pragma("unroll 1") for (int left = ALONE ? 0 : order.wholes * group; left > 0; left--) {
		const bf16 *queries = stages + stage * STAGE, *gradients = queries + QUERIES * D;
		const int head = turn.head, q0 = tile_at(order, turn.i) * QUERIES;
		const float *stats = arrive();
		group_fence();
		begin_scores<D, ROWS, QUERIES>(p, my_keys, queries);
		begin_scores<D, ROWS, QUERIES>(ds, my_values, gradients);
		group_wait<1>(); // p, and what was added from the tile before
		hold(p[0]);
		if (!EARLY) hold(w_p.w[0]);
		hold(w_ds.w[0]);
		to_probabilities_of_keys(p, stats, scale);
		drop_keys<DROP>(a, p, doc, head, q0, doc.first + row0);
		pack_weights<DROP>(w_p, p);
		hold(w_p.w[0]);
		group_fence();
		begin_weighted<D, QUERIES>(dv, w_p, gradients);
		group_wait<1>(); // dp
		hold(ds[0]);
		to_ds<DROP>(ds, p, stats, a.keep);
		pack_weights<false>(w_ds, ds);
		hold(w_ds.w[0]);
		group_fence();
		begin_weighted<D, QUERIES>(dk, w_ds, queries);
		if (!EARLY) continue;
		group_wait<1>(); // dv
		hold(w_p.w[0]);
	}
	group_wait<0>();
	hold(dk[0]);
	hold(dv[0]);
	hold(w_p.w[0]);
	hold(w_ds.w[0]);
	_Pragma("unroll 1") while (turn.head < (g + 1) * group) {
		const bf16 *queries = stages + stage * STAGE, *gradients = queries + QUERIES * D;
		const int head = turn.head, q0 = tile_at(order, turn.i) * QUERIES;
		const float *stats = arrive();
		const mask may = {doc.first + row0 - q0, 0, a.window - 1}, all = {doc.first + group0 - q0, 0, a.window - 1};
		if (!allows_any(all, 64, QUERIES)) continue;
		multiply<D, ROWS, QUERIES>(p, my_keys, queries);
		to_probabilities_of_keys(p, stats, scale);
		fill_masked(p, may, 0);
		drop_keys<DROP>(a, p, doc, head, q0, doc.first + row0);
		pack_weights<DROP>(w_p, p);
		add_edge<D, QUERIES>(dv, w_p, gradients, may);
		multiply<D, ROWS, QUERIES>(ds, my_values, gradients);
		to_ds<DROP>(ds, p, stats, a.keep);
		fill_masked(ds, may, 0);
		pack_weights<false>(w_ds, ds);
		add_edge<D, QUERIES>(dk, w_ds, queries, may);
	}
	bf16 *to = (bf16 *)b.dqkv + doc.start * stride;
	const float of_k[1][2] = {{a.scale, a.scale}}, of_v[1][2] = {{a.keep, a.keep}};
	store_rows<D>(to + k, stride, doc.first + row0, doc.length, a.dim, dk, of_k);
	store_rows<D>(to + v, stride, doc.first + row0, doc.length, a.dim, dv, of_v);
}

// to_ds_of_queries makes ds [query][key] of dp, with the products of p.
template <bool DROP, int NB>
DEVICE void to_ds_of_queries(float (&ds)[1][NB][4], const float (&p)[1][NB][4], const attention_args &a, const document &doc, int head, int q0, int k0, const float (&delta)[2]) {
	if (DROP) {
		kept_bits<1> bits;
		kept_by_query<1, NB>(bits, open_dropout(a, head, doc.index), q0, k0);
		UNROLL for (int n = 0; n < NB; n++)
			UNROLL for (int i = 0; i < 4; i++) ds[0][n][i] = kept(bits, 0, n, i) ? ds[0][n][i] * a.keep : 0;
	}
	UNROLL for (int n = 0; n < NB; n++)
		UNROLL for (int i = 0; i < 4; i++) ds[0][n][i] = p[0][n][i] * (ds[0][n][i] - delta[i / 2]);
}
template <int NB> DEVICE void to_probabilities_of_queries(float (&p)[1][NB][4], const float (&lse)[2], float scale) {
	UNROLL for (int n = 0; n < NB; n++)
		UNROLL for (int i = 0; i < 4; i++) p[0][n][i] = exp2_fast(fma_rn(p[0][n][i], scale, -lse[i / 2]));
}

// Rows of a block: 64 queries for each of two warpgroups, against tiles of 8·NB keys.
template <int D, int NB, bool DROP> DEVICE void backward_queries(const attention_backward_args &b) {
	constexpr int THREADS = 256, ROWS = 128, KEYS = 8 * NB, STAGE = 2 * KEYS * D;
	const attention_args &a = b.f;
	const int head = blockIdx.x % a.heads;
	const document doc = find_document<ROWS>(a, a.tiles - 1 - blockIdx.x / a.heads);
	if (doc.length == 0) return;
	bf16 *queries = aligned_shared(), *gradients = queries + ROWS * D, *stages = gradients + ROWS * D;
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * a.dim, out_stride = (i64)a.heads * a.dim, column = (i64)head * a.dim;
	const bf16 *rows = (const bf16 *)a.qkv + doc.start * stride;
	const bf16 *k = rows + (i64)(a.heads + head / (a.heads / a.kv_heads)) * a.dim, *v = k + (i64)a.kv_heads * a.dim;
	const walk order = keys_of<ROWS, KEYS>(doc, a.window);
	const auto begin = [&](int stage, int i) {
		bf16 *to = stages + stage * STAGE;
		load_tile<KEYS, D, THREADS, column_places<KEYS>>(to, k, stride, tile_at(order, i) * KEYS, doc.length, a.dim);
		load_tile<KEYS, D, THREADS, column_places<KEYS>>(to + KEYS * D, v, stride, tile_at(order, i) * KEYS, doc.length, a.dim);
		cp_commit();
	};
	load_tile<ROWS, D, THREADS, column_places<ROWS>>(queries, rows + column, stride, doc.first, doc.length, a.dim);
	load_tile<ROWS, D, THREADS, column_places<ROWS>>(gradients, (const bf16 *)b.dout + doc.start * out_stride + column, out_stride, doc.first, doc.length, a.dim);
	begin(0, 0);

	const int warp = threadIdx.x / WARP, q0 = doc.first + 16 * warp, group0 = warp / 4 * 64;
	const bf16 *my_queries = queries + group0 * GROUP_COLUMN, *my_gradients = gradients + group0 * GROUP_COLUMN;
	const float scale = a.scale * LOG2_E;
	float lse[2], delta[2], dq[1][D / 8][4] = {}, p[1][NB][4], ds[1][NB][4];
	weights<1, NB> w = {};
	UNROLL for (int i = 0; i < 2; i++) {
		const int row = q0 + 8 * i + threadIdx.x % WARP / 4;
		const i64 at = head * a.rows + doc.start + row;
		lse[i] = row < doc.length ? a.lse[at] * LOG2_E : PLUS_INFINITY;
		delta[i] = row < doc.length ? b.delta[at] : 0;
	}
	int stage = 0;
	// arrive waits until tile i is there for all, whose products of the stage before the last are done then, and begins the next.
	const auto arrive = [&](int i) {
		cp_wait<0>();
		fence_products();
		__syncthreads();
		stage = next_stage(stage);
		if (i + 1 < tiles_of(order)) begin(stage, i + 1);
	};
	hold(dq[0]);
	_Pragma("unroll 1") for (int i = 0; i < order.wholes; i++) {
		const bf16 *keys = stages + stage * STAGE, *values = keys + KEYS * D;
		arrive(i);
		group_fence();
		begin_scores<D, ROWS, KEYS>(p, my_queries, keys);
		begin_scores<D, ROWS, KEYS>(ds, my_gradients, values);
		group_wait<1>(); // p, and what was added from the tile before
		hold(p[0]);
		hold(w.w[0]);
		to_probabilities_of_queries(p, lse, scale);
		group_wait<0>();
		hold(ds[0]);
		to_ds_of_queries<DROP>(ds, p, a, doc, head, q0, tile_at(order, i) * KEYS, delta);
		pack_weights<false>(w, ds);
		hold(w.w[0]);
		group_fence();
		begin_weighted<D, KEYS>(dq, w, keys);
	}
	group_wait<0>();
	hold(dq[0]);
	hold(w.w[0]);
	_Pragma("unroll 1") for (int i = order.wholes; i < tiles_of(order); i++) {
		const bf16 *keys = stages + stage * STAGE, *values = keys + KEYS * D;
		const int k0 = tile_at(order, i) * KEYS;
		arrive(i);
		const mask may = {q0 - k0, a.window - 1, 0}, all = {doc.first + group0 - k0, a.window - 1, 0};
		if (!allows_any(all, 64, KEYS)) continue;
		multiply<D, ROWS, KEYS>(p, my_queries, keys);
		to_probabilities_of_queries(p, lse, scale);
		multiply<D, ROWS, KEYS>(ds, my_gradients, values);
		to_ds_of_queries<DROP>(ds, p, a, doc, head, q0, k0, delta);
		fill_masked(ds, may, 0);
		pack_weights<false>(w, ds);
		add_edge<D, KEYS>(dq, w, keys, may);
	}
	const float f[1][2] = {{a.scale, a.scale}};
	store_rows<D>((bf16 *)b.dqkv + doc.start * stride + column, stride, q0, doc.length, a.dim, dq, f);
}

#if PART(1)
KERNEL(attention_backward_hopper_keys_d64_bf16, attention_backward_args, 256, 1) { backward_keys<64, false>(a); }
KERNEL(attention_backward_hopper_keys_d64_dropout_bf16, attention_backward_args, 256, 1) { backward_keys<64, true>(a); }
#endif

#if PART(2)
KERNEL(attention_backward_hopper_keys_d128_bf16, attention_backward_args, 256, 1) { backward_keys<128, false>(a); }
KERNEL(attention_backward_hopper_keys_d128_dropout_bf16, attention_backward_args, 256, 1) { backward_keys<128, true>(a); }
#endif

#if PART(3)
KERNEL(attention_backward_hopper_queries_d64_bf16, attention_backward_args, 256, 1) { backward_queries<64, 8, false>(a); }
KERNEL(attention_backward_hopper_queries_d64_dropout_bf16, attention_backward_args, 256, 1) { backward_queries<64, 8, true>(a); }
#endif

#if PART(4)
KERNEL(attention_backward_hopper_queries_d128_bf16, attention_backward_args, 256, 1) { backward_queries<128, 8, false>(a); }
KERNEL(attention_backward_hopper_queries_d128_dropout_bf16, attention_backward_args, 256, 1) { backward_queries<128, 8, true>(a); }
#endif

#endif
