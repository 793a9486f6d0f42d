// RMSNorm, fused with the residual add, and its gradient.
//
//	X, Residual, Sum, Out, DOut, DResidual, S, DX [N,C]; W, DW [C]; Rstd [N] f32
//	s = x + residual;  r[n] = 1/sqrt(mean_c s[n,c]² + eps);  out[n,c] = s[n,c]·r[n]·w[c]
//	g = dout·w;  dx[n,c] = dresidual[n,c] + r·(g[n,c] − s[n,c]·r²·mean_c(g·s));  dw[c] (+)= Σ_n dout[n,c]·s[n,c]·r[n]
//
// A row is the work of 32 to 512 threads, a power of two that gives a thread two packs of eight columns (C ≤ 8,192); they stay in
// registers between the sum and the scaling, so a row is read once. Columns beyond 8,192 are read again, from the caches. Which
// thread holds which columns depends on C alone, and so does the order of a row's sum: over the columns of a thread, over the
// lanes of a warp by halves, over the warps by halves.
//
// Backward a block takes every gridDim-th group of rows and keeps dw of its columns in registers; at its end it adds its groups in
// order and writes one row of partial sums, and a second kernel adds those in order. The number of blocks follows from C (264 of
// 256 threads, as many as an H200 holds at 128 registers, or 132 of 512): the order of the sum does not follow the GPU.
//
// Roofline: memory. [16384, 4096] bf16: forward with residual 537 MB, 112 µs at 4.8 TB/s; backward with residual 537 MB and
// 6 MB of partial sums, which stay in the second cache. Forward 1,024 threads a multiprocessor have 64 bytes under way (32 without a
// residual), 64 KB, where 4.8 TB/s times a latency of 0.8 µs asks for 29 KB; backward 512 threads have 96 of the next row, 48 KB. Both halves of a row
// wait for each other at the sum; other blocks read meanwhile.
//
// Measured on an H200, [16384, C] with residual, of a copy's 4,226 GB/s: forward C = 1,536 66 %, 2,048 78 %, 4,096 82 %. Backward with f32
// weights took the slow kernel (mixed) and reached 20 to 26 %; the one for bf16 takes them since, not yet measured.
//
// Dropped: a warp for every row, whatever C: 16 packs a lane for C = 4,096 do not fit its registers. Two blocks of 512 threads
// backward: at 64 registers bf16 spills 500 bytes.
#include "elements.cuh"

#define NORM_THREADS 512 // at most
#define NORM_KEPT 2      // packs of a row that a thread keeps

struct rmsnorm_args {
	failure *failures;
	void *out, *sum;
	float *rstd;
	const void *x, *residual, *w;
	i64 rows, dim;
	int out_type, w_type, row_threads, aligned;
	float eps;
	int pad;
};

// norm_sum is the sum of x over the threads of a row, in all of them; scratch: one float a warp. All of the block call it.
DEVICE float norm_sum(float x, int row_threads, float *scratch) {
	x = warp_sum(x);
	if (row_threads == WARP) return x;
	const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = row_threads / WARP;
	__syncthreads(); // the sum before this one has been read
	if (lane == 0) scratch[warp] = x;
	__syncthreads();
	return warp_sum(lane < warps ? scratch[warp / warps * warps + lane] : 0.0f);
}

// norm_add is s of eight columns, as a reader of Sum sees it, and adds its squares.
template <int TYPE> DEVICE pack8 norm_add(const rmsnorm_args &a, i64 row, i64 i, float &squares) {
	const int n = pack_length(i, a.dim);
	const i64 at = row * a.dim + i;
	pack8 p = fetch(a.x, TYPE, at, n, a.aligned);
	float s[PACK];
	unpack(p, TYPE, s);
	if (a.residual) {
		float more[PACK];
		fetch_f32(a.residual, TYPE, at, n, a.aligned, more);
#pragma unroll
		for (int k = 0; k < PACK; k++) s[k] += more[k];
		p = pack_up(TYPE, s);
		unpack(p, TYPE, s);
	}
	if (a.sum) put(a.sum, TYPE, at, n, a.aligned, p);
#pragma unroll
	for (int k = 0; k < PACK; k++) squares = fma_rn(s[k], s[k], squares);
	return p;
}

template <int TYPE> DEVICE void norm_scale(const rmsnorm_args &a, i64 row, i64 i, const pack8 &p, float r) {
	const int n = pack_length(i, a.dim);
	float s[PACK], w[PACK];
	unpack(p, TYPE, s);
	fetch_f32(a.w, a.w_type, i, n, a.aligned, w);
#pragma unroll
	for (int k = 0; k < PACK; k++) s[k] = s[k] * r * w[k];
	put_f32(a.out, a.out_type, row * a.dim + i, n, a.aligned, s);
}

template <int TYPE> DEVICE void norm_rows(const rmsnorm_args &a, float *scratch) {
	if (failed_before(a.failures)) return;
	const int step = a.row_threads * PACK;
	const i64 row = (i64)blockIdx.x * (blockDim.x / a.row_threads) + threadIdx.x / a.row_threads;
	const i64 first = threadIdx.x % a.row_threads * PACK, rest = first + NORM_KEPT * step;
	const bool live = row < a.rows; // the others only help to sum
	pack8 kept[NORM_KEPT];
	float squares = 0;
	if (live) {
#pragma unroll
		for (int k = 0; k < NORM_KEPT; k++)
			if (first + k * step < a.dim) kept[k] = norm_add<TYPE>(a, row, first + k * step, squares);
		for (i64 i = rest; i < a.dim; i += step) norm_add<TYPE>(a, row, i, squares);
	}
	const float r = 1.0f / sqrtf(norm_sum(squares, a.row_threads, scratch) / (float)a.dim + a.eps);
	if (!live) return;
	if (a.rstd && first == 0) a.rstd[row] = r;
#pragma unroll
	for (int k = 0; k < NORM_KEPT; k++)
		if (first + k * step < a.dim) norm_scale<TYPE>(a, row, first + k * step, kept[k], r);
	const void *s = a.sum ? a.sum : a.x;
	for (i64 i = rest; i < a.dim; i += step)
		norm_scale<TYPE>(a, row, i, fetch(s, TYPE, row * a.dim + i, pack_length(i, a.dim), a.aligned), r);
}
#if PART(1)
KERNEL(rmsnorm_f32, rmsnorm_args, NORM_THREADS, 2) {
	__shared__ float scratch[NORM_THREADS / WARP];
	norm_rows<ELEMENT_F32>(a, scratch);
}
#endif
#if PART(2)
KERNEL(rmsnorm_bf16, rmsnorm_args, NORM_THREADS, 2) {
	__shared__ float scratch[NORM_THREADS / WARP];
	norm_rows<ELEMENT_BF16>(a, scratch);
}
#endif

struct rmsnorm_backward_args {
	failure *failures;
	void *dx;
	float *partial; // [blocks, C]
	const void *dout, *dresidual, *s, *w;
	const float *rstd;
	i64 rows, dim;
	int dx_type, dout_type, dres_type, s_type, w_type, row_threads, aligned, pad;
};

// A row's part in the gradient: dx = dresidual + r·g − coef·s.
struct norm_row {
	i64 row;
	float r, coef;
};

// With TYPE all tensors but W are of it, in whole packs on multiples of 16 bytes; with TYPE 0 they are as the arguments say. Products
// and sums are spelt out: both give the same bits.
template <int TYPE> DEVICE int norm_type(int own) { return TYPE ? TYPE : own; }
template <int TYPE> DEVICE pack8 norm_fetch(const rmsnorm_backward_args &a, const void *p, int own, i64 row, i64 i) {
	return fetch(p, norm_type<TYPE>(own), row * a.dim + i, TYPE ? PACK : pack_length(i, a.dim), TYPE || a.aligned);
}

// norm_dot adds dout·w·s of eight columns.
template <int TYPE> DEVICE void norm_dot(const rmsnorm_backward_args &a, i64 i, const pack8 &ds, const pack8 &ss, float &dot) {
	float d[PACK], s[PACK], w[PACK];
	unpack(ds, norm_type<TYPE>(a.dout_type), d);
	unpack(ss, norm_type<TYPE>(a.s_type), s);
	fetch_f32(a.w, a.w_type, i, TYPE ? PACK : pack_length(i, a.dim), TYPE || a.aligned, w);
#pragma unroll
	for (int k = 0; k < PACK; k++) dot = fma_rn(mul_rn(d[k], w[k]), s[k], dot);
}

// norm_more fetches eight columns of dresidual.
template <int TYPE> DEVICE pack8 norm_more(const rmsnorm_backward_args &a, i64 row, i64 i) {
	if (!a.dresidual) return {};
	return norm_fetch<TYPE>(a, a.dresidual, a.dres_type, row, i);
}

// norm_grad writes eight columns of dx and adds to their dw; more: dresidual's, which types other than bf16 fetch here.
template <int TYPE> DEVICE void norm_grad(const rmsnorm_backward_args &a, norm_row at, i64 i, const pack8 &ds, const pack8 &ss, const pack8 &more, float (&dw)[PACK]) {
	float d[PACK], s[PACK], w[PACK], dx[PACK] = {0};
	unpack(ds, norm_type<TYPE>(a.dout_type), d);
	unpack(ss, norm_type<TYPE>(a.s_type), s);
	fetch_f32(a.w, a.w_type, i, TYPE ? PACK : pack_length(i, a.dim), TYPE || a.aligned, w);
	if (a.dresidual) unpack(TYPE == ELEMENT_BF16 ? more : norm_more<TYPE>(a, at.row, i), norm_type<TYPE>(a.dres_type), dx);
#pragma unroll
	for (int k = 0; k < PACK; k++) {
		dx[k] = add_rn(dx[k], fma_rn(at.r, mul_rn(d[k], w[k]), -mul_rn(at.coef, s[k])));
		dw[k] = fma_rn(d[k], mul_rn(s[k], at.r), dw[k]);
	}
	put_f32(a.dx, norm_type<TYPE>(a.dx_type), at.row * a.dim + i, TYPE ? PACK : pack_length(i, a.dim), TYPE || a.aligned, dx);
}

// norm_packs is what a thread keeps of a row: of dresidual in bf16 only; with TYPE 0, where registers are short, nothing is kept and
// all is read twice.
struct norm_packs {
	pack8 d[NORM_KEPT], s[NORM_KEPT], more[NORM_KEPT];
};
template <int TYPE> DEVICE void norm_load(const rmsnorm_backward_args &a, i64 row, norm_packs &p) {
	if (row >= a.rows) return;
#pragma unroll
	for (int k = 0; k < NORM_KEPT; k++) {
		const i64 i = (threadIdx.x % a.row_threads + k * a.row_threads) * PACK;
		if (i >= a.dim) continue;
		p.d[k] = norm_fetch<TYPE>(a, a.dout, a.dout_type, row, i), p.s[k] = norm_fetch<TYPE>(a, a.s, a.s_type, row, i);
		if (TYPE == ELEMENT_BF16) p.more[k] = norm_more<TYPE>(a, row, i);
	}
}

// norm_back_row does one row for one of its threads; dw of columns beyond the kept packs lies in the block's row of partial sums.
template <int TYPE>
DEVICE void norm_back_row(const rmsnorm_backward_args &a, i64 row, const norm_packs &p, float (&dw)[NORM_KEPT][PACK], float *mine, float *scratch) {
	const int step = a.row_threads * PACK;
	const i64 first = threadIdx.x % a.row_threads * PACK, rest = first + NORM_KEPT * step;
	const bool live = row < a.rows;
	float dot = 0;
	if (live) {
#pragma unroll
		for (int k = 0; k < NORM_KEPT; k++) {
			const i64 i = first + k * step;
			if (i >= a.dim) continue;
			if (TYPE) norm_dot<TYPE>(a, i, p.d[k], p.s[k], dot);
			else norm_dot<TYPE>(a, i, norm_fetch<TYPE>(a, a.dout, a.dout_type, row, i), norm_fetch<TYPE>(a, a.s, a.s_type, row, i), dot);
		}
		for (i64 i = rest; i < a.dim; i += step)
			norm_dot<TYPE>(a, i, norm_fetch<TYPE>(a, a.dout, a.dout_type, row, i), norm_fetch<TYPE>(a, a.s, a.s_type, row, i), dot);
	}
	dot = norm_sum(dot, a.row_threads, scratch);
	if (!live) return;
	const float r = a.rstd[row];
	const norm_row at = {row, r, r * r * r * (dot / (float)a.dim)};
#pragma unroll
	for (int k = 0; k < NORM_KEPT; k++) {
		const i64 i = first + k * step;
		if (i >= a.dim) continue;
		if (TYPE) norm_grad<TYPE>(a, at, i, p.d[k], p.s[k], p.more[k], dw[k]);
		else norm_grad<TYPE>(a, at, i, norm_fetch<TYPE>(a, a.dout, a.dout_type, row, i), norm_fetch<TYPE>(a, a.s, a.s_type, row, i), {}, dw[k]);
	}
	for (i64 i = rest; i < a.dim; i += step) {
		float sum[PACK];
		fetch_f32(mine, ELEMENT_F32, i, pack_length(i, a.dim), false, sum);
		const pack8 more = TYPE == ELEMENT_BF16 ? norm_more<TYPE>(a, row, i) : pack8{};
		norm_grad<TYPE>(a, at, i, norm_fetch<TYPE>(a, a.dout, a.dout_type, row, i), norm_fetch<TYPE>(a, a.s, a.s_type, row, i), more, sum);
		put_f32(mine, ELEMENT_F32, i, pack_length(i, a.dim), false, sum);
	}
}

// norm_partial adds the groups' sums of the kept columns in order; scratch: PACK floats a thread.
DEVICE void norm_partial(const rmsnorm_backward_args &a, const float (&dw)[NORM_KEPT][PACK], float *mine, float *scratch) {
	const int t = threadIdx.x, groups = blockDim.x / a.row_threads;
#pragma unroll
	for (int k = 0; k < NORM_KEPT; k++) {
		__syncthreads();
#pragma unroll
		for (int e = 0; e < PACK; e++) scratch[e * NORM_THREADS + t] = dw[k][e];
		__syncthreads();
		const i64 i = t * PACK + (i64)k * a.row_threads * PACK;
		if (t >= a.row_threads || i >= a.dim) continue;
		float sum[PACK];
#pragma unroll
		for (int e = 0; e < PACK; e++) {
			sum[e] = dw[k][e];
			for (int g = 1; g < groups; g++) sum[e] += scratch[e * NORM_THREADS + g * a.row_threads + t];
		}
		put_f32(mine, ELEMENT_F32, i, pack_length(i, a.dim), false, sum);
	}
}

template <int TYPE> DEVICE void norm_back_rows(const rmsnorm_backward_args &a, float *scratch) {
	if (failed_before(a.failures)) return;
	const int groups = blockDim.x / a.row_threads, step = a.row_threads * PACK;
	float *mine = a.partial + blockIdx.x * a.dim, dw[NORM_KEPT][PACK] = {{0}};
	const float zeros[PACK] = {0};
	for (i64 i = threadIdx.x * PACK + (i64)NORM_KEPT * step; i < a.dim; i += step) // only where a row has all threads
		put_f32(mine, ELEMENT_F32, i, pack_length(i, a.dim), false, zeros);
	// bf16 is read a row ahead. DX may be DResidual: what is read ahead is another row's.
	constexpr bool AHEAD = TYPE == ELEMENT_BF16;
	norm_packs now = {}, next = {};
	const i64 own = threadIdx.x / a.row_threads, stride = (i64)gridDim.x * groups;
	if constexpr (AHEAD) norm_load<TYPE>(a, (i64)blockIdx.x * groups + own, next);
	for (i64 row = (i64)blockIdx.x * groups; row < a.rows; row += stride) {
		if constexpr (AHEAD) {
			now = next;
			norm_load<TYPE>(a, row + stride + own, next);
		} else if constexpr (TYPE != 0) {
			norm_load<TYPE>(a, row + own, now);
		}
		norm_back_row<TYPE>(a, row + own, now, dw, mine, scratch);
	}
	norm_partial(a, dw, mine, scratch);
}
#if PART(1)
KERNEL(rmsnorm_backward_f32, rmsnorm_backward_args, NORM_THREADS, 1) {
	__shared__ float scratch[NORM_THREADS * PACK];
	norm_back_rows<ELEMENT_F32>(a, scratch);
}
#endif
#if PART(2)
KERNEL(rmsnorm_backward_bf16, rmsnorm_backward_args, NORM_THREADS, 1) { // two blocks of 256, or one of 512, hold the registers
	__shared__ float scratch[NORM_THREADS * PACK];
	norm_back_rows<ELEMENT_BF16>(a, scratch);
}
#endif
#if PART(3)
// rmsnorm_backward_mixed is for all else: types that differ, odd sizes and addresses.
KERNEL(rmsnorm_backward_mixed, rmsnorm_backward_args, NORM_THREADS, 1) {
	__shared__ float scratch[NORM_THREADS * PACK];
	norm_back_rows<0>(a, scratch);
}
#endif

struct rmsnorm_weight_args {
	failure *failures;
	float *dw;
	const float *partial; // [blocks, C]
	i64 dim;
	int blocks, accumulate;
};

#if PART(1)
// Adds the partial sums: a lane a column; warp w takes blocks w, w+16 and so on, and the warps are added in order.
KERNEL(rmsnorm_backward_weight, rmsnorm_weight_args, NORM_THREADS, 2) {
	__shared__ float sums[NORM_THREADS / WARP][WARP];
	if (failed_before(a.failures)) return;
	const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, warps = NORM_THREADS / WARP;
	const i64 column = (i64)blockIdx.x * WARP + lane;
	float sum = 0;
	if (column < a.dim) {
#pragma unroll 4
		for (int b = warp; b < a.blocks; b += warps) sum += a.partial[b * a.dim + column];
	}
	sums[warp][lane] = sum;
	__syncthreads();
	if (warp > 0 || column >= a.dim) return;
	float all = a.accumulate ? a.dw[column] : 0.0f;
	for (int w = 0; w < warps; w++) all += sums[w][lane];
	a.dw[column] = all;
}
#endif
