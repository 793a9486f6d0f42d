// What a block of paged_tile.cuh does with a tile that has arrived: scores, softmax, and the weighted sum of values.
#ifndef PRIMER_PAGED_PRODUCTS
#define PRIMER_PAGED_PRODUCTS
#include "paged_tile.cuh"

// paged_scores is q·kᵀ of the warp's 16 rows with N · 8 keys from key j of the tile.
template <int N, class B> DEVICE void paged_scores(const paged_attention_args &a, B &b, const bf16 *keys, int j, float (&s)[N][4]) {
	const int matrix = b.lane / 8, at = b.lane % 8;
	const int row = (B::WIDE ? b.warp * 16 : 0) + matrix % 2 * 8 + at;
#pragma unroll
	for (int n = 0; n < N; n++) s[n][0] = s[n][1] = s[n][2] = s[n][3] = 0;
#pragma unroll
	for (int d = 0; d < B::D / 8; d += 4) { // in pieces: 32 elements
		if (d * 8 >= a.dim) continue;
		u32 q[2][4], k[4];
		ldmatrix(q[0], paged_piece(b, b.q, row, d + matrix / 2));
		ldmatrix(q[1], paged_piece(b, b.q, row, d + 2 + matrix / 2));
#pragma unroll
		for (int n = 0; n < N; n++) {
			ldmatrix(k, paged_piece(b, (bf16 *)keys, j + n * 8 + at, d + matrix));
			mma(s[n], q[0], k[0], k[1]);
			mma(s[n], q[1], k[2], k[3]);
		}
	}
}

// paged_exchange gives every warp of a narrow block the scores of all keys of the tile.
template <int N, class B> DEVICE void paged_exchange(const paged_attention_args &a, B &b, const bf16 *keys, float (&s)[N][4]) {
	float own[N / 4][4];
	paged_scores<N / 4>(a, b, keys, b.warp * (N / 4) * 8, own);
	float *at = b.extra + b.lane / 4 * B::SCORES + b.lane % 4 * 2;
#pragma unroll
	for (int n = 0; n < N / 4; n++) {
		float *to = at + (b.warp * (N / 4) + n) * 8;
		*(float_pair *)to = {own[n][0], own[n][1]};
		*(float_pair *)(to + 8 * B::SCORES) = {own[n][2], own[n][3]};
	}
	__syncthreads();
#pragma unroll
	for (int n = 0; n < N; n++) {
		const float_pair upper = *(const float_pair *)(at + n * 8), lower = *(const float_pair *)(at + n * 8 + 8 * B::SCORES);
		s[n][0] = upper.x, s[n][1] = upper.y, s[n][2] = lower.x, s[n][3] = lower.y;
	}
}

// paged_sees tells whether row i of this lane sees key j: not after it, in its window, and in the split.
template <class B> DEVICE bool paged_sees(const paged_attention_args &a, B &b, paged_cursor c, int i, int j) {
	return j <= b.position[i] && j > b.position[i] - a.window && j - c.from < a.split;
}

// paged_weigh turns scores into weights 2^(score − maximum), raising the maximum.
template <int N, class B> DEVICE void paged_weigh(const paged_attention_args &a, B &b, paged_cursor c, float (&s)[N][4]) {
	float top[2] = {NEVER, NEVER}, base[2], before[2], sum[2] = {0, 0};
	const int j = c.j + b.lane % 4 * 2;
#pragma unroll
	for (int n = 0; n < N; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) {
			s[n][i] = paged_sees(a, b, c, i / 2, j + n * 8 + i % 2) ? mul_rn(s[n][i], a.scale) : NEVER;
			top[i / 2] = s[n][i] > top[i / 2] ? s[n][i] : top[i / 2];
		}
	}
	bool raised = false;
#pragma unroll
	for (int i = 0; i < 2; i++) {
		for (int lanes = 1; lanes < 4; lanes *= 2) {
			const float other = shuffle_xor(top[i], lanes);
			top[i] = other > top[i] ? other : top[i];
		}
		raised = raised || top[i] > b.x[i].m;
		before[i] = paged_raise(b.x[i].m, top[i], base[i]);
	}
#pragma unroll
	for (int n = 0; n < N; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) {
			s[n][i] = exp2_fast(add_rn(s[n][i], -base[i / 2]));
			sum[i / 2] = add_rn(sum[i / 2], s[n][i]);
		}
	}
	for (int i = 0; i < 2; i++) b.x[i].l = fma_rn(b.x[i].l, before[i], sum[i]);
	if (ballot(raised) == 0) return; // the factors are 1, or of zeros
#pragma unroll
	for (int n = 0; n < B::COLS / 8; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) b.acc[n][i] = mul_rn(b.acc[n][i], before[i / 2]);
	}
}

// paged_infinite tells whether one of two packed bf16 is infinite or NaN: its exponent is all ones.
DEVICE bool paged_infinite(u32 two) { return (((two & 0x7f807f80u) + 0x00800080u) & 0x80008000u) != 0; }

#define UNSEEN 0x8000u // −0, which is no weight

// paged_add_infinite adds the values that are not finite to the rows that see them. The weights lie in the place of the keys,
// which are no longer needed.
template <int N, class B> DEVICE void paged_add_infinite(const paged_attention_args &a, B &b, paged_cursor c, int stage, const float (&s)[N][4]) {
	u16 *weights = (u16 *)paged_keys(b, stage) + (B::WIDE ? b.warp : 0) * 16 * B::KEYS;
	const int r = b.lane / 4, t = b.lane % 4 * 2, first = B::WIDE ? 0 : b.warp * B::COLS;
	if (B::WIDE || b.warp == 0) {
#pragma unroll
		for (int n = 0; n < N; n++) {
#pragma unroll
			for (int i = 0; i < 4; i++) {
				const bool sees = paged_sees(a, b, c, i / 2, c.j + n * 8 + t + i % 2);
				weights[(r + i / 2 * 8) * B::KEYS + n * 8 + t + i % 2] = sees ? bf16_of(s[n][i]).bits : (u16)UNSEEN;
			}
		}
	}
	__syncthreads();
	for (int key = 0; key < B::KEYS; key++) {
		const u16 w[2] = {weights[r * B::KEYS + key], weights[(r + 8) * B::KEYS + key]};
#pragma unroll
		for (int n = 0; n < B::COLS / 8; n++) {
			const bf16 *v = paged_piece(b, paged_values(b, stage), key, first / 8 + n) + t;
#pragma unroll
			for (int i = 0; i < 4; i++) {
				if (w[i / 2] != UNSEEN && paged_infinite(v[i % 2].bits)) b.acc[n][i] = fma_rn(f32_of(bf16{w[i / 2]}), f32_of(v[i % 2]), b.acc[n][i]);
			}
		}
	}
}

// paged_make_finite puts zeros in the place of values that are not finite.
template <class B> DEVICE void paged_make_finite(B &b, int stage) {
	u16 *v = (u16 *)paged_values(b, stage);
	__syncthreads();
	for (int i = threadIdx.x; i < B::KEYS * B::D; i += 4 * WARP) {
		if (paged_infinite(v[i])) v[i] = 0;
	}
	__syncthreads();
}

// paged_guard sees to values that are not finite, in a tile that not all rows of the block see whole.
template <int N, class B> DEVICE void paged_guard(const paged_attention_args &a, B &b, paged_cursor c, int stage, const float (&s)[N][4]) {
	if (b.first == b.last || (c.j + B::KEYS - 1 <= b.first && c.j > b.last - a.window)) return; // what is there, all rows see
	const bf16 *v = paged_values(b, stage);
	bool bad = false;
	for (int i = threadIdx.x; i < B::KEYS * B::D / 8; i += 4 * WARP) {
		const vec16 x = load16(v + i * 8);
		bad = bad || paged_infinite(x.w[0]) || paged_infinite(x.w[1]) || paged_infinite(x.w[2]) || paged_infinite(x.w[3]);
	}
	if (bad) *b.bad = 1;
	__syncthreads();
	if (*b.bad == 0) return; // once it is 1 it stays: to look again is slow, and changes nothing
	paged_add_infinite(a, b, c, stage, s);
	paged_make_finite(b, stage);
}

// paged_sum adds weights × values to the warp's columns.
template <int N, class B> DEVICE void paged_sum(const paged_attention_args &a, B &b, int stage, const float (&s)[N][4]) {
	const int matrix = b.lane / 8, at = b.lane % 8, first = B::WIDE ? 0 : b.warp * (B::COLS / 8);
#pragma unroll
	for (int n = 0; n < N; n += 2) {
		const u32 p[4] = {pack_bf16(s[n][0], s[n][1]), pack_bf16(s[n][2], s[n][3]), pack_bf16(s[n + 1][0], s[n + 1][1]), pack_bf16(s[n + 1][2], s[n + 1][3])};
#pragma unroll
		for (int d = 0; d < B::COLS / 8; d += 2) {
			if ((first + d) * 8 >= a.dim) continue;
			u32 v[4];
			ldmatrix_turned(v, paged_piece(b, paged_values(b, stage), n * 8 + matrix % 2 * 8 + at, first + d + matrix / 2));
			mma(b.acc[d], p, v[0], v[1]);
			mma(b.acc[d + 1], p, v[2], v[3]);
		}
	}
}

// paged_compute takes one tile.
template <class B> DEVICE void paged_compute(const paged_attention_args &a, B &b, paged_cursor c, int stage) {
	constexpr int N = B::KEYS / 8;
	float s[N][4];
	if constexpr (B::WIDE)
		paged_scores<N>(a, b, paged_keys(b, stage), 0, s);
	else
		paged_exchange<N>(a, b, paged_keys(b, stage), s);
	paged_weigh<N>(a, b, c, s);
	paged_guard<N>(a, b, c, stage, s);
	paged_sum<N>(a, b, stage, s);
}

#endif
