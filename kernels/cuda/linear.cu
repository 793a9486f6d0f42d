// What products take beside cuBLASLt: operands in another dtype, biases and their gradients.
//
//   linear_convert   dst[i] = x[i], rounded to nearest even where dst is shorter: f16, bf16 or f32 → f32, f32 → bf16
//   linear_bias      y[n,o] = bias[o], f32, before a product that accumulates, where cuBLASLt has no algorithm that adds the bias
//   linear_dbias     dbias[o] (+)= Σ_n dy[n,o], f32: parts of at least 256 rows, each in one chain, n ascending; linear_dbias_join adds
//                    the parts in order
//
// Roofline: all are bound by memory. A bf16 operand of 16,384 × 2,048 to f32 moves 201 MB, 42 µs at 4.8 TB/s. The products of a
// training step have no such operand: weights and activations are bf16, only the logits' gradient may be f32. dbias of 16,384 × 1,024
// in bf16 reads 34 MB, 7 µs; 512 blocks share it. Not yet measured.
//
// Tried and considered: a bias is added in cuBLASLt's epilogue. To a bf16 y the library adds a bf16 bias only, while the contract's is
// f32 and added before the one rounding, so such a product goes to f32 in the scratch first and is then rounded: 10 bytes of traffic
// an element of y instead of 2, on the q, k and v of models that have biases. dbias as one chain a column, the contract's order, took
// a whole layer's columns to fill the GPU. cuBLASLt's own epilogue for it neither accumulates nor keeps f32 beside a bf16 gradient.
#include "prims.cuh"

#define TYPE_F32 1 // kernels.DType
#define TYPE_BF16 2
#define TYPE_F16 3

struct linear_convert_args {
	failure *failures;
	void *dst;
	const void *x;
	i64 n;
	int dst_type, x_type;
};

DEVICE float linear_load(const void *x, int type, i64 i) {
	if (type == TYPE_F32) return ((const float *)x)[i];
	if (type == TYPE_BF16) return f32_of(((const bf16 *)x)[i]);
	return f32_of_half(((const u16 *)x)[i]);
}

// Eight elements a thread, 16 or 32 bytes at once where the addresses allow it.
DEVICE void linear_load8(float (&v)[8], const void *x, int type, i64 i) {
	vec16 w[2];
	if (type == TYPE_F32) {
		w[0] = load16_streaming((const float *)x + i), w[1] = load16_streaming((const float *)x + i + 4);
#pragma unroll
		for (int j = 0; j < 8; j++) v[j] = f32_bits(w[j / 4].w[j % 4]);
		return;
	}
	w[0] = load16_streaming((const u16 *)x + i);
#pragma unroll
	for (int j = 0; j < 8; j++) {
		const u16 half = (u16)(w[0].w[j / 2] >> (16 * (j % 2)));
		v[j] = type == TYPE_BF16 ? f32_bits((u32)half << 16) : f32_of_half(half);
	}
}

DEVICE void linear_store8(void *dst, int type, i64 i, const float (&v)[8]) {
	vec16 w;
	if (type == TYPE_BF16) {
#pragma unroll
		for (int j = 0; j < 4; j++) w.w[j] = pack_bf16(v[2 * j], v[2 * j + 1]);
		store16((bf16 *)dst + i, w);
		return;
	}
#pragma unroll
	for (int part = 0; part < 2; part++) {
#pragma unroll
		for (int j = 0; j < 4; j++) w.w[j] = bits_f32(v[4 * part + j]);
		store16((float *)dst + i + 4 * part, w);
	}
}

KERNEL(linear_convert, linear_convert_args, 256, 4) {
	if (failed_before(a.failures)) return; // after a failure nothing runs until Sync
	const i64 step = (i64)gridDim.x * blockDim.x, first = (i64)blockIdx.x * blockDim.x + threadIdx.x;
	i64 done = 0;
	if ((((u64)a.dst | (u64)a.x) & 15) == 0) {
		done = a.n / 8 * 8;
		for (i64 i = 8 * first; i < done; i += 8 * step) {
			float v[8];
			linear_load8(v, a.x, a.x_type, i);
			linear_store8(a.dst, a.dst_type, i, v);
		}
	}
	for (i64 i = done + first; i < a.n; i += step) {
		const float v = linear_load(a.x, a.x_type, i);
		if (a.dst_type == TYPE_F32) ((float *)a.dst)[i] = v;
		else ((bf16 *)a.dst)[i] = bf16_of(v);
	}
}

struct linear_bias_args {
	failure *failures;
	float *y;          // [rows,columns]
	const float *bias; // [columns]
	i64 rows, columns;
};

KERNEL(linear_bias, linear_bias_args, 256, 4) {
	if (failed_before(a.failures)) return;
	const i64 step = (i64)gridDim.x * blockDim.x, n = a.rows * a.columns;
	for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step) a.y[i] = a.bias[i % a.columns];
}

struct linear_dbias_args {
	failure *failures;
	float *dbias;   // [columns]
	float *partial; // [parts,columns]; absent with one part
	const void *dy; // [rows,columns]
	i64 rows, columns, part_rows;
	int type, accumulate;
};

// blockIdx.y is the part, its rows in one chain.
KERNEL(linear_dbias, linear_dbias_args, 128, 8) {
	if (failed_before(a.failures)) return;
	const i64 o = (i64)blockIdx.x * blockDim.x + threadIdx.x;
	if (o >= a.columns) return;
	float sum = a.accumulate && !a.partial ? a.dbias[o] : 0;
	i64 n = blockIdx.y * a.part_rows;
	const i64 end = n + a.part_rows < a.rows ? n + a.part_rows : a.rows;
	for (; n + 8 <= end; n += 8) { // eight loads under way at a time
		float v[8];
#pragma unroll
		for (int j = 0; j < 8; j++) v[j] = linear_load(a.dy, a.type, (n + j) * a.columns + o);
#pragma unroll
		for (int j = 0; j < 8; j++) sum = add_rn(sum, v[j]);
	}
	for (; n < end; n++) sum = add_rn(sum, linear_load(a.dy, a.type, n * a.columns + o));
	if (a.partial) a.partial[blockIdx.y * a.columns + o] = sum;
	else a.dbias[o] = sum;
}

KERNEL(linear_dbias_join, linear_dbias_args, 128, 8) {
	if (failed_before(a.failures)) return;
	const i64 o = (i64)blockIdx.x * blockDim.x + threadIdx.x;
	if (o >= a.columns) return;
	float sum = a.accumulate ? a.dbias[o] : 0;
	for (i64 n = 0, at = o; n < a.rows; n += a.part_rows, at += a.columns) sum = add_rn(sum, a.partial[at]);
	a.dbias[o] = sum;
}
