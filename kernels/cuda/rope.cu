// Rope: rotates the first `heads` heads of packed q,k,v rows in place, by the angle of the row's position.
//
//	QKV [N,R,D], Cos and Sin [P,D/2] f32, Positions [N]
//	a, b = qkv[n,h,j], qkv[n,h,j+D/2];  qkv[n,h,j] = a·cos − b·sin;  qkv[n,h,j+D/2] = b·cos + a·sin
//
// A block takes one row: its position is read once, and its cosines and sines (512 bytes for D = 128) come from the first cache for
// all heads but the first. A thread rotates eight pairs: 16 bytes of either half of a head of bf16, in and out.
//
// Roofline: nothing but memory. Heads that rotate are read and written once: for [16384 rows, 32 + 8 of 48 heads, 128] bf16 168 MB
// each way, 70 µs at 4.8 TB/s; the tables add a hundredth or less, as rows of one position lie in the second cache. A block of
// 256 threads holds 8 KB under way, 2,048 threads 64 KB, where 4.8 TB/s times a latency of 0.8 µs asks for 29 KB.
//
// Dropped: a flat grid over all pairs. It evens out short rows, but costs a 64-bit division per thread, half the time of the
// row's own arithmetic.
#include "elements.cuh"

#define FAIL_ROPE_POSITION 2
#define ROPE_THREADS 256

struct rope_args {
	failure *failures;
	void *qkv;
	const float *cos, *sin;
	const int *positions;
	i64 rows, row_heads, dim, heads, table;
	int inverse, aligned;
};

template <int TYPE> DEVICE void rope_rows(const rope_args &a) {
	if (failed_before(a.failures)) return;
	const int half = (int)(a.dim / 2), each = (half + PACK - 1) / PACK, items = (int)a.heads * each;
	const i64 row = blockIdx.x, position = a.positions[row];
	if (position < 0 || position >= a.table) {
		if (threadIdx.x == 0) fail(a.failures, FAIL_ROPE_POSITION, row, position);
		return;
	}
	for (int item = threadIdx.x; item < items; item += blockDim.x) {
		const int head = item / each, j = item % each * PACK, n = pack_length(j, half);
		const i64 at = (row * a.row_heads + head) * a.dim + j;
		float x[PACK], y[PACK], c[PACK], s[PACK], p[PACK], q[PACK];
		fetch_f32(a.qkv, TYPE, at, n, a.aligned, x);
		fetch_f32(a.qkv, TYPE, at + half, n, a.aligned, y);
		fetch_f32(a.cos, ELEMENT_F32, position * half + j, n, a.aligned, c);
		fetch_f32(a.sin, ELEMENT_F32, position * half + j, n, a.aligned, s);
#pragma unroll
		for (int k = 0; k < PACK; k++) {
			const float sine = a.inverse ? -s[k] : s[k];
			p[k] = fma_rn(x[k], c[k], -mul_rn(y[k], sine));
			q[k] = fma_rn(y[k], c[k], mul_rn(x[k], sine));
		}
		put_f32(a.qkv, TYPE, at, n, a.aligned, p);
		put_f32(a.qkv, TYPE, at + half, n, a.aligned, q);
	}
}
KERNEL(rope_f32, rope_args, ROPE_THREADS, 4) { rope_rows<ELEMENT_F32>(a); }
KERNEL(rope_bf16, rope_args, ROPE_THREADS, 4) { rope_rows<ELEMENT_BF16>(a); }
