// The gradients of causal attention in one pass over keys and queries, where the order of sums is free: variant "atomic" of
// attention_backward, which is used when it is asked for. Shapes and maths: kernels/attention.go.
//
// Method: delta as in attention_backward.cu; then its kernel over keys, whose blocks, having ds [keys][queries] of a tile in registers,
// put it into shared memory as bf16, and add dsᵀ·k to dq in f32, in Work, by atomics; then dq is scaled and rounded. Blocks add in
// any order, so the last bits of dq differ from run to run as soon as a query sees keys of three blocks. dk and dv do not: they
// are summed in the order of the deterministic kernels.
//
// Five products for every pair where the deterministic kernels make seven. For that, dq goes through the second cache in f32 once
// for each block of 128 (64) keys, is zeroed before and read after: D 128, T 2048, 16 heads, 8192 rows: 0.17 ms of products at 989
// TFLOP/s (mma.sync does not reach that), 0.54 GB of atomics, 0.07 + 0.1 GB to zero and to read. Not yet measured.
//
//	(sm_80, sm_90a registers)  block          shared    without  dropout
//	D ≤ 64                     128 keys       56.5 KB   255 250  255 246
//	D ≤ 128                    128 keys, 8 w  145 KB    255 255  245 254
//	D ≤ 256                     64 keys       132.5 KB  252 252  254 250    two blocks, 128 columns each
//
// No spills. What it took on sm_80: one step of 16 columns of a score in flight, head and query of the tile in shared memory while
// registers are short, tiles of 32 queries instead of 64 for D ≤ 128 with dropout.
//
// Considered: dq row by row, where a warp's atomic meets eight pieces of 16 bytes; it stands in the order of the lanes instead. Warps
// adding for their own keys, without shared memory: four to eight times the atomics.
#include "attention_keys.cuh"

// attention_dq rounds dq: a block is 16 queries of a head, as dq stands in Work; a warp takes 8 columns at a time.
template <class T> DEVICE void attention_dq(const attention_backward_args &b) {
	const attention_args &a = b.f;
	const int head = blockIdx.x % a.heads, block = blockIdx.x / a.heads, lane = threadIdx.x % WARP;
	const document doc = find_document<16>(a, block);
	if (doc.length == 0) return;
	const i64 stride = (i64)(a.heads + 2 * a.kv_heads) * a.dim;
	T *to = (T *)b.dqkv + doc.start * stride + (i64)head * a.dim;
	const bool words = (u64)to % 4 == 0 && stride % 2 == 0;
	for (int c = threadIdx.x / WARP; c < a.dim / 8; c += 128 / WARP) {
		const float *from = dq_block(b, head, block, c) + lane;
		UNROLL for (int h = 0; h < 2; h++) {
			const int row = doc.first + 8 * h + lane / 4;
			if (row < doc.length) store_pair(to + row * stride + 8 * c + 2 * (lane % 4), words, from[64 * h] * a.scale, from[64 * h + 32] * a.scale);
		}
	}
}

#if PART(1)
KERNEL(attention_backward_dq_bf16, attention_backward_args, 128, 8) { attention_dq<bf16>(a); }
KERNEL(attention_backward_atomic_d64_bf16, attention_backward_args, 128, 2) { attention_backward_keys<64, 64, 2, 4, 4, false, true>(a); }
KERNEL(attention_backward_atomic_d64_dropout_bf16, attention_backward_args, 128, 2) { attention_backward_keys<64, 64, 2, 4, 4, true, true>(a); }
#endif

#if PART(2)
KERNEL(attention_backward_atomic_d128_bf16, attention_backward_args, 256, 1) { attention_backward_keys<128, 128, 1, 8, 8, false, true>(a); }
KERNEL(attention_backward_atomic_d128_dropout_bf16, attention_backward_args, 256, 1) { attention_backward_keys<128, 128, 1, 4, 8, true, true>(a); }
#endif

#if PART(3)
KERNEL(attention_backward_atomic_d256_bf16, attention_backward_args, 128, 1) { attention_backward_keys<256, 128, 1, 4, 4, false, true>(a); }
KERNEL(attention_backward_atomic_d256_dropout_bf16, attention_backward_args, 128, 1) { attention_backward_keys<256, 128, 1, 4, 4, true, true>(a); }
#endif
