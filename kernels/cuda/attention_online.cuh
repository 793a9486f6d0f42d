// The softmax of attention's forward kernels, which goes on while tiles of keys come in (Milakov and Gimelshein 2018), and what they
// store at the end.
#ifndef PRIMER_ATTENTION_ONLINE
#define PRIMER_ATTENTION_ONLINE
#include "attention.cuh"

// online is the softmax so far of a lane's rows 16m + 8h + g: the greatest score before scaling, and the lane's part of the sum.
template <int MB> struct online {
	float top[MB][2], sum[MB][2];
};

// turn_signs negates a tile that is being copied.
template <int ELEMENTS, int THREADS> DEVICE void turn_signs(bf16 *tile) {
	cp_wait<0>();
	__syncthreads();
	for (int i = threadIdx.x; i < ELEMENTS / 2; i += THREADS) ((u32 *)tile)[i] ^= 0x80008000u;
}

// to_probabilities turns products into exp2(scale·s − new maximum); old is what turns what was summed before into the same.
template <int MB, int NB> DEVICE void to_probabilities(float (&s)[MB][NB][4], online<MB> &on, float (&old)[MB][2], float scale) {
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int h = 0; h < 2; h++) {
			float top = on.top[m][h];
			UNROLL for (int n = 0; n < NB; n++) top = fmaxf(top, fmaxf(s[m][n][2 * h], s[m][n][2 * h + 1])); // a NaN is no maximum
			top = fmaxf(top, shuffle_xor(top, 1));
			top = fmaxf(top, shuffle_xor(top, 2));
			const float base = top == MINUS_INFINITY ? 0 : top * scale; // no key yet
			old[m][h] = exp2_fast(fma_rn(on.top[m][h], scale, -base));
			float sum = on.sum[m][h] * old[m][h];
			UNROLL for (int n = 0; n < NB; n++)
				UNROLL for (int e = 2 * h; e < 2 * h + 2; e++) {
					s[m][n][e] = exp2_fast(fma_rn(s[m][n][e], scale, -base));
					sum += s[m][n][e];
				}
			on.top[m][h] = top, on.sum[m][h] = sum;
		}
}
template <int MB, int N> DEVICE void rescale(float (&out)[MB][N][4], const float (&old)[MB][2]) {
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int n = 0; n < N; n++)
			UNROLL for (int i = 0; i < 4; i++) out[m][n][i] *= old[m][i / 2];
}

// finish divides by the sums and stores.
template <int D, int MB> DEVICE void finish(const attention_args &a, const document &doc, int head, int q0, float scale, const float (&sum)[MB][D / 8][4], online<MB> &on) {
	const int lane = threadIdx.x % WARP;
	float f[MB][2];
	UNROLL for (int m = 0; m < MB; m++)
		UNROLL for (int h = 0; h < 2; h++) {
			float total = on.sum[m][h];
			total += shuffle_xor(total, 1);
			total += shuffle_xor(total, 2);
			f[m][h] = a.keep / total;
			const int row = q0 + 16 * m + 8 * h + lane / 4;
			if (lane % 4 == 0 && row < doc.length) a.lse[head * a.rows + doc.start + row] = on.top[m][h] * scale * LN_2 + logf(total);
		}
	const i64 stride = (i64)a.heads * a.dim;
	store_rows<D>((bf16 *)a.out + doc.start * stride + (i64)head * a.dim, stride, q0, doc.length, a.dim, sum, f);
}

#endif
