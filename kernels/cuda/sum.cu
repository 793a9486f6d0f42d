// Sums and sums of squares in f64.
//
//	out[0] = (accumulate ? out[0] : 0) + Σ x[i]   or   Σ x[i]²,   x f32 or bf16
//
// Method: the tensor is cut into parts, a number and a size that depend on its length alone; one block sums a part, each
// thread its packets in rising order, then threads in the order of block_sum. A second launch of one block adds the parts in
// the same way. No atomics, so that the bits do not depend on which block comes first or on the device's size.
//
// Roofline, 1.3G f32 gradients: 5.2 GB read once, 1.1 ms at 4.8 TB/s. 1.2G conversions to f64 a millisecond are a third of
// what 132 multiprocessors do; bf16, with twice the elements a byte, two thirds.
//
// Decided against, unmeasured: one launch in which the last block to finish adds the parts (a counter to keep at zero, a fence
// a block; the second launch costs some 2 µs once a step).
#include "packets.cuh"

struct sum_args {
	const void *x;
	double *parts; // [grid]
	const failure *failures;
	i64 len, part; // part: elements of a part, a multiple of 8 × threads
};

struct sum_total_args {
	const double *parts;
	double *out;
	const failure *failures;
	int count, accumulate;
};

template <class T, bool square> DEVICE void sum_part(const sum_args &a) {
	__shared__ double scratch[WARP];
	if (failed_before(a.failures)) return;
	const i64 from = blockIdx.x * a.part, left = a.len - from;
	double even = 0, odd = 0;
	read_packets((const T *)a.x + from, left < a.part ? left : a.part, 0.0f, [&](i64, const float(&x)[PACKET<T>]) {
		for (int k = 0; k < PACKET<T>; k += 2) {
			const double p = x[k], q = x[k + 1];
			even = square ? fma_rn(p, p, even) : even + p;
			odd = square ? fma_rn(q, q, odd) : odd + q;
		}
	});
	const double sum = block_sum(even + odd, scratch);
	if (threadIdx.x == 0) a.parts[blockIdx.x] = sum;
}

KERNEL(sum_f32, sum_args, 256, 4) { sum_part<float, false>(a); }
KERNEL(sum_squares_f32, sum_args, 256, 4) { sum_part<float, true>(a); }
KERNEL(sum_squares_bf16, sum_args, 256, 4) { sum_part<bf16, true>(a); }

KERNEL(sum_total_f64, sum_total_args, 256, 1) {
	__shared__ double scratch[WARP];
	if (failed_before(a.failures)) return;
	double sum = 0;
	for (int i = threadIdx.x; i < a.count; i += blockDim.x) sum += a.parts[i];
	sum = block_sum(sum, scratch);
	if (threadIdx.x == 0) a.out[0] = (a.accumulate ? a.out[0] : 0.0) + sum;
}
