// Cross-entropy fused with its gradient, in place.
//
//	logits [N,V] f32 or bf16, targets [N], mask [N] or absent → loss [N], argmax [N], logits ← scale·(softmax − onehot)
//
// Method: one block a row, two passes over it. The first finds maximum and sum of exponentials online (logsum.cuh), the second
// writes factor·exp(x − max), factor = scale/Σ; the element at the target is written last, from f64. The second pass runs
// backwards: the end of the row was read last and is likeliest to be in the caches. Rows without loss are written as zeros and
// never read.
//
// Roofline, bf16, N = 4096, V = 32000: the row once in and once out, 2 × 262 MB, is 109 µs at 4.8 TB/s, if the second reading
// (64 KB a row; two blocks on each of 132 multiprocessors hold 17 MB) comes from the 50 MB second cache; three movements would
// be 164 µs. Two exponentials an element are 262M, some 75 µs of the special function units: they overlap with memory.
//
// Decided against, unmeasured: keeping the row in shared memory between the passes (a second code path by size, and the rows
// that would gain most, V = 128k, do not fit); one exponential instead of two by storing it in the first pass (a bf16 rounding
// of it would be in the gradient).
#include "logsum.cuh"

struct cross_entropy_args {
	void *logits;
	float *loss;
	const int *targets;
	const u8 *mask;     // or null
	const float *scale; // with gradient
	int *argmax;        // or null
	failure *failures;
	i64 vocab;
	int gradient, pad;
};

enum { FAIL_TARGET = 3 }; // failTarget

template <class T> DEVICE void cross_entropy_without_loss(const cross_entropy_args &a, T *row) {
	if (threadIdx.x == 0) {
		a.loss[blockIdx.x] = 0;
		if (a.argmax) a.argmax[blockIdx.x] = -1;
	}
	if (!a.gradient) return;
	const bool aligned = aligned16(row);
	const float zeros[PACKET<T>] = {};
	for (i64 j = 0; j < packets_of<T>(a.vocab); j++) packet_store(row, a.vocab, packet_at(j), aligned, zeros);
}

template <class T> DEVICE void cross_entropy_row(const cross_entropy_args &a) {
	__shared__ logsum_scratch scratch;
	__shared__ bool skip;
	const i64 n = blockIdx.x, target = a.targets[n];
	const bool failed = failed_before(a.failures);
	T *row = (T *)a.logits + n * a.vocab;
	if (a.mask && !a.mask[n]) {
		if (!failed) cross_entropy_without_loss(a, row);
		return;
	}
	if (target < 0 || target >= a.vocab) {
		if (threadIdx.x == 0) fail(a.failures, FAIL_TARGET, n, target);
		return;
	}
	if (threadIdx.x == 0) skip = failed;
	const double right = f32_of(row[target]); // before anything is overwritten: logsum_row has barriers
	const logsum s = logsum_row(row, a.vocab, &scratch);
	if (skip) return;
	const double scale = a.gradient ? *a.scale : 0.0f;
	float at_target = 0;
	if (threadIdx.x == 0) {
		a.loss[n] = (float)(s.base + log(s.sum) - right);
		if (a.argmax) a.argmax[n] = (int)s.first;
		at_target = (float)(scale * (exp(right - s.base) / s.sum - 1.0));
	}
	if (!a.gradient) return;
	const float factor = (float)(scale / s.sum), base = s.base;
	rewrite_packets(row, a.vocab, [&](float(&x)[PACKET<T>]) {
		for (int k = 0; k < PACKET<T>; k++) x[k] = factor * logit_exp(x[k] - base);
	});
	__syncthreads();
	if (threadIdx.x == 0) store_as(row, target, at_target);
}

KERNEL(cross_entropy_f32, cross_entropy_args, 512, 2) { cross_entropy_row<float>(a); }
KERNEL(cross_entropy_bf16, cross_entropy_args, 512, 2) { cross_entropy_row<bf16>(a); }
