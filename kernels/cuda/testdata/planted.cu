// Kernels with a bug each, when a.bug says so: the emulator's own test (emulate_test.go) wants them right without it and caught
// with it. They are written as the real ones are.
#include "prims.cuh"

struct planted_args {
	const float *x; // [n]
	float *y;       // [n]
	int n, bug;
};

// y is x turned around within a block of 128. The bug: no barrier between writing and reading.
KERNEL(planted_barrier, planted_args, 128, 1) {
	__shared__ float tile[128];
	const int i = blockIdx.x * 128 + threadIdx.x;
	tile[threadIdx.x] = a.x[i];
	if (!a.bug) __syncthreads();
	a.y[i] = tile[127 - threadIdx.x];
}

// y is x, through two stages of asynchronous copies. The bug: the newest group is not waited for.
KERNEL(planted_copy, planted_args, 32, 1) {
	vec16 *stage = (vec16 *)dynamic_shared();
	const int lane = threadIdx.x;
	for (int i = 0; i < 2; i++) {
		cp_async16(stage + i * 32 + lane, a.x + (i * 32 + lane) * 4, true);
		cp_commit();
	}
	cp_wait<1>();
	store16(a.y + lane * 4, stage[lane]);
	if (!a.bug) cp_wait<0>();
	store16(a.y + (32 + lane) * 4, stage[32 + lane]);
}

// y is x, copied asynchronously by the thread beside. The bug: no barrier after the wait.
KERNEL(planted_neighbour, planted_args, 128, 1) {
	vec16 *tile = (vec16 *)dynamic_shared();
	const int other = threadIdx.x ^ 32;
	cp_async16(tile + other, a.x + other * 4, true);
	cp_commit();
	cp_wait<0>();
	if (!a.bug) __syncthreads();
	store16(a.y + threadIdx.x * 4, tile[threadIdx.x]);
}

// y [16,8] = x [16,16] · identity's first 8 columns, by ldmatrix from a tile of 16 rows of 4 chunks of 16 bytes (two are used),
// chunk c of row r at c ^ r % 4. The bug: the load forgets the swizzle.
KERNEL(planted_swizzle, planted_args, 32, 1) {
	u8 *tile = (u8 *)dynamic_shared();
	const int lane = threadIdx.x;
	for (int i = lane; i < 16 * 16; i += WARP) {
		const int row = i / 16, column = i % 16;
		((bf16 *)(tile + row * 64 + ((column / 8) ^ row % 4) * 16))[column % 8] = bf16_of(a.x[i]);
	}
	__syncwarp();
	u32 m[4];
	const int row = lane % 16, chunk = lane / 16;
	ldmatrix(m, tile + row * 64 + (a.bug ? chunk : chunk ^ row % 4) * 16);
	float d[4] = {};
	const int g = lane / 4, t = lane % 4;
	const u32 identity = pack_bf16(2 * t == g ? 1.0f : 0.0f, 2 * t + 1 == g ? 1.0f : 0.0f);
	mma(d, m, identity, 0);
	for (int i = 0; i < 4; i++) a.y[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

// y is x + 1. The bug: one element too many.
KERNEL(planted_edge, planted_args, 128, 1) {
	const int i = blockIdx.x * 128 + threadIdx.x;
	if (i < a.n + a.bug) a.y[i] = a.x[i] + 1;
}

// y[0] is the sum of x, over one warp. The bug: lanes without an element leave before the sum.
KERNEL(planted_lane, planted_args, 32, 1) {
	const int lane = threadIdx.x;
	if (a.bug && lane >= a.n) return;
	const float sum = warp_sum(lane < a.n ? a.x[lane] : 0.0f);
	if (lane == 0) a.y[0] = sum;
}

// y is x. The bug: half of the block waits at a barrier that the other does not come to.
KERNEL(planted_deadlock, planted_args, 128, 1) {
	if (!a.bug || threadIdx.x < 64) __syncthreads();
	a.y[threadIdx.x] = a.x[threadIdx.x];
}

// y is x, sixteen bytes a thread. The bug: from the second element on.
KERNEL(planted_alignment, planted_args, 32, 1) { store16(a.y + threadIdx.x * 4, load16(a.x + threadIdx.x * 4 + a.bug)); }

// y[0] is the sum over all threads, in dynamic shared memory of 128 f32. The bug: the last thread writes behind it.
KERNEL(planted_shared, planted_args, 128, 1) {
	float *all = (float *)dynamic_shared();
	all[threadIdx.x + (threadIdx.x == 127 ? a.bug : 0)] = a.x[threadIdx.x];
	__syncthreads();
	if (threadIdx.x == 0) {
		float sum = 0;
		for (int i = 0; i < 128; i++) sum += all[i];
		a.y[0] = sum;
	}
}

// y[i] is what the half with the bits i is as f32, x[i] is not read; what half_of makes of it has to be i again. Between two halves it
// takes the nearer, and of two that are as near the even one. The bug: it counts as an error what is none.
KERNEL(planted_half, planted_args, 128, 1) {
	const u32 i = blockIdx.x * 128 + threadIdx.x;
	const float half = f32_of_half((u16)i), next = f32_of_half((u16)(i + 1)), middle = half + (next - half) / 2;
	int wrong = half == half && half_of(half) != i;
	if (i % 0x8000 < 0x7bff) { // it and the next are finite
		wrong += half_of(middle) != i + i % 2;
		wrong += half_of(f32_bits(bits_f32(middle) - 1)) != i || half_of(f32_bits(bits_f32(middle) + 1)) != i + 1;
	}
	a.y[i] = wrong + a.bug;
}
