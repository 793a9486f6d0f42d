// Causal attention over packed documents with Hopper's products of warpgroups (wgmma). What it computes, and what of attention.cu's
// method is not said again here, is the same; see there.
//
// A block is 128 queries of one head, 64 a warpgroup, against tiles of keys in two stages that all its threads copy. Queries and keys
// are multiplied from shared memory; probabilities stay in the registers in which they were made. While a warpgroup turns the
// products of one tile into probabilities, the tensor cores multiply those of the tile before with its values (the overlap within a
// warpgroup of FlashAttention-3, Shah et al. 2024, section 3.2): one product is always under way where tiles are whole. Those that the
// mask cuts through come after the others, one product at a time; a document's tiles come in the same order in every batch.
//
// Main shape as attention.cu's: 6.9e10 flop, 0.07 ms at 989 TFLOP/s. Measured on an H200: D 64, T 2048: 233 TFLOP/s, 0.89 × flash and
// 0.58 × cuDNN in one run; D 128, T 8192: 1.24 ms, 442 TFLOP/s under ncu, tensor cores 46 % and issue slots 36 % busy: the two
// warpgroups walk in step, and what is missing is others to fill the gaps. No spills (testdata/machine.txt).
#include "attention_group.cuh"
#include "attention_online.cuh"

#if WARPGROUPS

// block_tiles is what a block copies, and where to.
template <int D, int ROWS, int KEYS> struct block_tiles {
	bf16 *queries; // then two stages of keys and two of values
	const bf16 *k, *v;
	i64 stride;
	int length, dim;
	walk order;

	DEVICE bf16 *stage(const block_tiles &b, int n) { return b.queries + (ROWS + n * KEYS) * D; }
	DEVICE bf16 *keys(const block_tiles &b, int i) { return stage(b, i & 1); }
	DEVICE bf16 *values(const block_tiles &b, int i) { return stage(b, 2 + (i & 1)); }
	DEVICE void load(const block_tiles &b, bf16 *to, const bf16 *from, int i) {
		load_tile<KEYS, D, 2 * ROWS, column_places<KEYS>>(to, from, b.stride, tile_at(b.order, i) * KEYS, b.length, b.dim);
	}
	// next_step waits until keys i and values i − 1 are there for all, and begins to copy those behind them, into what held keys i − 1
	// and values i − 2: no product of those may be under way.
	DEVICE void next_step(const block_tiles &b, int i) {
		cp_wait<0>();
		fence_products();
		__syncthreads();
		if (i < tiles_of(b.order)) load(b, values(b, i), b.v, i);
		if (i + 1 < tiles_of(b.order)) load(b, keys(b, i + 1), b.k, i + 1);
		cp_commit();
	}
};

template <bool DROP, int NB> DEVICE void drop_some(float (&s)[1][NB][4], const dropout &drop, int q0, int k0) {
	if (!DROP) return;
	kept_bits<1> bits;
	kept_by_query<1, NB>(bits, drop, q0, k0);
	mark_dropped(s, bits);
}

// Rows of a block: 64 for each of two warpgroups, against tiles of 8·NB keys.
template <int D, int NB, bool DROP> DEVICE void attention(const attention_args &a) {
	constexpr int ROWS = 128, KEYS = 8 * NB;
	typedef block_tiles<D, ROWS, KEYS> tiles;
	const int head = blockIdx.x % a.heads, tile = a.tiles - 1 - blockIdx.x / a.heads; // the longest first
	const document doc = find_document<ROWS>(a, tile);
	if (doc.length == 0) return;
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * a.dim;
	const bf16 *rows = (const bf16 *)a.qkv + doc.start * stride;
	const bf16 *k = rows + (i64)(a.heads + head / (a.heads / a.kv_heads)) * a.dim;
	const tiles b = {aligned_shared(), k, k + (i64)a.kv_heads * a.dim, stride, doc.length, a.dim, keys_of<ROWS, KEYS>(doc, a.window)};
	load_tile<ROWS, D, 2 * ROWS, column_places<ROWS>>(b.queries, rows + (i64)head * a.dim, stride, doc.first, doc.length, a.dim);
	tiles::load(b, tiles::keys(b, 0), b.k, 0);
	cp_commit();
	if (a.scale < 0) turn_signs<ROWS * D, 2 * ROWS>(b.queries); // so that the greatest product is the greatest score

	const int warp = threadIdx.x / WARP, group0 = doc.first + warp / 4 * 64, q0 = doc.first + 16 * warp;
	const bf16 *q = b.queries + warp / 4 * 64 * GROUP_COLUMN;
	const float scale = (a.scale < 0 ? -a.scale : a.scale) * LOG2_E;
	const dropout drop = DROP ? open_dropout(a, head, doc.index) : dropout{};
	float s[1][NB][4], sum[1][D / 8][4] = {}, old[1][2];
	weights<1, NB> p;
	online<1> on = {{{MINUS_INFINITY, MINUS_INFINITY}}, {{0, 0}}};

	const int wholes = b.order.wholes;
	tiles::next_step(b, 0);
	if (wholes > 0) {
		multiply<D, ROWS, KEYS>(s, q, tiles::keys(b, 0));
		to_probabilities(s, on, old, scale); // nothing is summed yet
		drop_some<DROP>(s, drop, q0, tile_at(b.order, 0) * KEYS);
		pack_weights<DROP>(p, s);
		_Pragma("unroll 1") for (int i = 1; i < wholes; i++) {
			tiles::next_step(b, i);
			hold(s[0]);
			hold(sum[0]);
			hold(p.w[0]);
			group_fence();
			begin_scores<D, ROWS, KEYS>(s, q, tiles::keys(b, i));
			begin_weighted<D, KEYS>(sum, p, tiles::values(b, i - 1));
			group_wait<1>();
			hold(s[0]);
			to_probabilities(s, on, old, scale);
			drop_some<DROP>(s, drop, q0, tile_at(b.order, i) * KEYS);
			group_wait<0>();
			hold(sum[0]);
			hold(p.w[0]);
			rescale(sum, old);
			pack_weights<DROP>(p, s);
		}
		tiles::next_step(b, wholes);
		add_product<D, KEYS>(sum, p, tiles::values(b, wholes - 1));
	}
	_Pragma("unroll 1") for (int i = wholes; i < tiles_of(b.order); i++) {
		const int k0 = tile_at(b.order, i) * KEYS;
		const mask may = {q0 - k0, a.window - 1, 0}, group = {group0 - k0, a.window - 1, 0};
		const bool any = allows_any(group, 64, KEYS);
		if (any) {
			multiply<D, ROWS, KEYS>(s, q, tiles::keys(b, i));
			fill_masked(s, may, MINUS_INFINITY);
			to_probabilities(s, on, old, scale);
			drop_some<DROP>(s, drop, q0, k0);
			rescale(sum, old);
			pack_weights<DROP>(p, s);
		}
		tiles::next_step(b, i + 1);
		if (!any) continue;
		add_edge<D, KEYS>(sum, p, tiles::values(b, i), may);
	}
	finish<D>(a, doc, head, q0, scale, sum, on);
}

#if PART(1)
KERNEL(attention_hopper_d64_bf16, attention_args, 256, 1) { attention<64, 16, false>(a); }
KERNEL(attention_hopper_d64_dropout_bf16, attention_args, 256, 1) { attention<64, 8, true>(a); }
#endif

#if PART(2)
KERNEL(attention_hopper_d128_bf16, attention_args, 256, 1) { attention<128, 16, false>(a); }
KERNEL(attention_hopper_d128_dropout_bf16, attention_args, 256, 1) { attention<128, 8, true>(a); }
#endif

#endif
