// Maximum, first maximum and sum of exponentials of a row of logits, by one block in one pass. Shared by the loss and by
// sampling.
//
// Every thread keeps max and Σ exp(x − max) of its packets in f32, corrected whenever the maximum rises; the threads' sums
// are added in f64, always in the same order.
#ifndef PRIMER_LOGSUM
#define PRIMER_LOGSUM

#include "packets.cuh"

#define LOG2_E 1.44269504088896340736f
#define MINUS_INFINITY f32_bits(0xff800000u)

// logit_exp is exp(x).
DEVICE float logit_exp(float x) { return exp2_fast(x * LOG2_E); }

struct logsum {
	double sum;      // Σ exp(x − base)
	float max, base; // base: max, or 0 where no logit is above −inf
	u32 first;       // first element that equals max; some element where there is none
};

struct logsum_scratch {
	double sum[WARP];
	float max[WARP];
	u32 first[WARP];
};

// The statistics of one thread.
struct logsum_part {
	float sum, max, base;
	i64 packet; // where max is
};

template <int P> DEVICE void logsum_add(logsum_part &s, i64 packet, const float (&x)[P]) {
	float top = s.max;
	for (int k = 0; k < P; k++) top = x[k] > top ? x[k] : top;
	if (top > s.max) {
		s.sum *= logit_exp(s.max - top);
		s.max = s.base = top;
		s.packet = packet;
	}
	for (int k = 0; k < P; k++) s.sum += logit_exp(x[k] - s.base);
}

// block_max and block_min are in every thread; scratch as for block_sum.
DEVICE float block_max(float x, float *scratch) {
	x = warp_max(x);
	const int lane = threadIdx.x % WARP, warps = (blockDim.x + WARP - 1) / WARP;
	if (lane == 0) scratch[threadIdx.x / WARP] = x;
	__syncthreads();
	return warp_max(scratch[lane < warps ? lane : 0]);
}
DEVICE u32 warp_min(u32 x) {
	for (int lanes = WARP / 2; lanes > 0; lanes /= 2) {
		const u32 other = shuffle_xor(x, lanes);
		x = other < x ? other : x;
	}
	return x;
}
DEVICE u32 block_min(u32 x, u32 *scratch) {
	x = warp_min(x);
	const int lane = threadIdx.x % WARP, warps = (blockDim.x + WARP - 1) / WARP;
	if (lane == 0) scratch[threadIdx.x / WARP] = x;
	__syncthreads();
	return warp_min(scratch[lane < warps ? lane : 0]);
}

// logsum_first is the first element of this thread that equals max: it is in the packet that raised the maximum to it.
template <class T> DEVICE u32 logsum_first(const T *row, i64 n, const logsum_part &s) {
	const i64 from = s.packet * PACKET<T>;
	for (i64 i = from; i < n && i < from + PACKET<T>; i++)
		if (f32_of(row[i]) == s.max) return (u32)i;
	return (u32)from;
}

// logsum_row is the same in every thread, and has barriers: what one thread wrote to shared memory before it, all read after
// it. The scratch is free again after the next barrier.
template <class T> DEVICE logsum logsum_row(const T *row, i64 n, logsum_scratch *scratch) {
	logsum_part s = {0, MINUS_INFINITY, 0, 0};
	read_packets(row, n, MINUS_INFINITY, [&](i64 i, const float(&x)[PACKET<T>]) { logsum_add(s, i, x); });
	logsum out;
	out.max = block_max(s.max, scratch->max);
	out.base = out.max > MINUS_INFINITY ? out.max : 0.0f;
	// A thread without a logit above −inf has no base; its sum is 0, or NaN.
	double sum = s.sum;
	if (s.max > MINUS_INFINITY && s.max < out.max) sum *= logit_exp(s.max - out.max);
	out.sum = block_sum(sum, scratch->sum);
	out.first = block_min(s.max == out.max ? logsum_first(row, n, s) : 0xffffffffu, scratch->first);
	return out;
}

#endif
