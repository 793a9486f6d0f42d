// What a step does after backward, without the host in between: the factor of the gradients, and AdamW over all tensors.
//
//	clip [3] ← sum of squares, loss
//	master, m, v [L] ← grad [L], decay [L/1024], hyper, clip;  shadow [L] bf16 ← master
//
// Method: the parameters are one flat buffer in blocks of 1024, each of which belongs to one tensor, so that one launch does
// them all. A block of 256 threads takes one of them at a time, a thread 4 neighbouring elements: 16 bytes of every f32 tensor,
// 8 of every bf16 one, and one block of random words for each moment that is rounded. clip[finite] is read on the device: a
// step with a NaN writes nothing, and the host learns it a step later.
//
// Roofline, 1.3G parameters: with f32 moments and a shadow 30 bytes an element, 39 GB, 8.1 ms at 4.8 TB/s; with bf16 moments
// 22 bytes, 6.0 ms. Two Philox blocks for 4 elements are some 50 integer instructions an element, half of what 132
// multiprocessors issue in that time.
//
// Decided against, unmeasured: 8 elements a thread (the bf16 tensors in 16 bytes, but neighbouring threads then share every
// sector of the f32 ones); one block per optimizer block without a loop (bf16 moments would derive their two keys 1.3M × 256
// times).
#include "packets.cuh"

struct clip_args {
	float *clip;
	const double *sumsq;
	const double *loss; // or null
	const failure *failures;
	float max_norm;
	int pad;
};

KERNEL(clip_f64, clip_args, 1, 1) {
	if (failed_before(a.failures)) return;
	const double norm = sqrt(*a.sumsq), limit = a.max_norm;
	// Neither NaN nor infinity survives x − x = 0.
	const bool finite = norm - norm == 0.0 && (!a.loss || *a.loss - *a.loss == 0.0);
	a.clip[0] = limit > 0.0 && norm > limit ? (float)(limit / norm) : 1.0f;
	a.clip[1] = (float)norm;
	a.clip[2] = finite ? 1.0f : 0.0f;
}

struct adamw_args {
	float *master;
	bf16 *shadow; // or null
	const float *grad;
	void *m, *v;
	const u8 *decay;
	const float *hyper, *clip;
	const i64 *step; // with bf16 moments
	const failure *failures;
	i64 blocks, first;
	float beta1, rest1, beta2, rest2; // rest: 1 − beta, rounded once
	float eps, weight_decay;
};

#define ADAMW_BLOCK 1024
#define ADAMW_THREADS 256
#define ADAMW_GROUP (ADAMW_BLOCK / ADAMW_THREADS)

enum { PURPOSE_STOCHASTIC_ROUND = 6 }; // kernels.PurposeStochasticRound

// group_load and group_store move 4 neighbouring elements.
DEVICE void group_load(const float *p, bool aligned, float (&x)[4]) {
	if (aligned)
		unpack(load16_streaming(p), x);
	else
		for (int k = 0; k < 4; k++) x[k] = p[k];
}
DEVICE void group_load(const bf16 *p, bool aligned, float (&x)[4]) {
	if (!aligned) {
		for (int k = 0; k < 4; k++) x[k] = f32_of(p[k]);
		return;
	}
	const u64 v = *(const u64 *)p;
	for (int k = 0; k < 4; k++) x[k] = f32_bits((u32)(v >> 16 * k) << 16);
}
DEVICE void group_store(float *p, bool aligned, const float (&x)[4]) {
	if (aligned)
		store16_streaming(p, pack(x));
	else
		for (int k = 0; k < 4; k++) p[k] = x[k];
}
DEVICE void group_store(bf16 *p, bool aligned, const float (&x)[4]) {
	if (aligned)
		*(u64 *)p = (u64)pack_bf16(x[2], x[3]) << 32 | pack_bf16(x[0], x[1]);
	else
		for (int k = 0; k < 4; k++) p[k] = bf16_of(x[k]);
}

// round_stochastic adds 16 random bits below the last one that stays and cuts them off: what is left is a bf16 exactly. A NaN
// keeps its bits, so that it cannot run over.
DEVICE void round_stochastic(float (&x)[4], philox_key key, u64 element) {
	const philox_words words = philox(key, (u32)(element >> 2), (u32)(element >> 34), 0, 0);
	for (int k = 0; k < 4; k++)
		if (x[k] == x[k]) x[k] = f32_bits((bits_f32(x[k]) + (words.w[k] >> 16)) & 0xffff0000u);
}

// adamw_update is the rule for one element; decay is 0 where the tensor has none.
DEVICE void adamw_update(const adamw_args &a, float scale, const float (&hyper)[3], float decay, float grad, float &w, float &m, float &v) {
	const float g = grad * scale;
	m = fma_rn(a.beta1, m, a.rest1 * g);
	v = fma_rn(a.beta2, v, a.rest2 * (g * g));
	w -= hyper[0] * (m * hyper[1] / (sqrtf(v * hyper[2]) + a.eps) + decay * w);
}

template <class T> DEVICE void adamw_run(const adamw_args &a) {
	const float scale = a.clip[0], hyper[3] = {a.hyper[0], a.hyper[1], a.hyper[2]};
	if (a.clip[2] == 0.0f || failed_before(a.failures)) return;
	constexpr bool rounds = sizeof(T) == sizeof(bf16);
	philox_key keys[2] = {};
	for (u32 layer = 0; rounds && layer < 2; layer++)
		keys[layer] = philox_subkey((u64)a.step[0], PURPOSE_STOCHASTIC_ROUND, (u64)a.step[1], layer);
	const bool aligned = aligned16(a.master) && aligned16(a.grad) && aligned16(a.m) && aligned16(a.v) && aligned16(a.shadow);
	for (i64 block = blockIdx.x; block < a.blocks; block += gridDim.x) {
		const i64 e = block * ADAMW_BLOCK + threadIdx.x * ADAMW_GROUP;
		float w[4], g[4], m[4], v[4];
		group_load(a.master + e, aligned, w);
		group_load(a.grad + e, aligned, g);
		group_load((const T *)a.m + e, aligned, m);
		group_load((const T *)a.v + e, aligned, v);
		const float decay = a.decay[block] ? a.weight_decay : 0.0f;
		for (int k = 0; k < 4; k++) adamw_update(a, scale, hyper, decay, g[k], w[k], m[k], v[k]);
		group_store(a.master + e, aligned, w);
		if (a.shadow) group_store(a.shadow + e, aligned, w);
		if (rounds) {
			round_stochastic(m, keys[0], (u64)(a.first + e));
			round_stochastic(v, keys[1], (u64)(a.first + e));
		}
		group_store((T *)a.m + e, aligned, m);
		group_store((T *)a.v + e, aligned, v);
	}
}

KERNEL(adamw_f32, adamw_args, ADAMW_THREADS, 5) { adamw_run<float>(a); }
KERNEL(adamw_bf16, adamw_args, ADAMW_THREADS, 4) { adamw_run<bf16>(a); }
