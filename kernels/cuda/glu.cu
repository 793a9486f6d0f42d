// GLU: out[n,f] = act(gateup[n,f])·gateup[n,F+f] and its gradient.
//
//	GateUp and DGateUp [N,2F], gate first; Out and DOut [N,F]
//	dgate[n,f] = dout[n,f]·up[n,f]·act'(gate[n,f]);  dup[n,f] = dout[n,f]·act(gate[n,f])
//
// A thread takes eight columns: three accesses of 16 bytes forward, five backward, in bf16. The grid is (columns, rows), so no thread
// divides; past 65,535 rows a block goes on to the next.
//
// Roofline: nothing but memory. For [16384, 5632] bf16 forward moves 554 MB, 115 µs at 4.8 TB/s, backward 923 MB, 192 µs. The
// sigmoid is two instructions of the special unit (16 a cycle a multiprocessor): for eight elements 1 cycle of the unit, where
// their 48 bytes take 2.3 cycles of the memory at 21 bytes a cycle a multiprocessor; expf and a division would not hide behind them.
//
// The sigmoid comes from e = 2^(−|x|/ln 2), which never overflows, as 1/(1+e) or e/(1+e): small sigmoids keep their relative
// accuracy. Its error is below 1e-5 of itself for |x| < 88, where exponents still count (the product with 1/ln 2 is rounded).
//
// Considered and left out: the activation in the product's epilogue, which would spare gateup a reading: cuBLASLt has epilogues for
// relu and gelu of one operand, none for a pair, and backward wants gateup stored all the same.
#include "elements.cuh"

#define GLU_THREADS 256

enum { GLU_SILU = 0, GLU_GELU_TANH = 1, GLU_RELU = 2 }; // as kernels.Activation

struct glu_args {
	failure *failures;
	void *out;          // [N,F], backward [N,2F]
	const void *gateup; // [N,2F]
	const void *dout;   // [N,F], backward only
	i64 rows, dim;
	int act, aligned;
};

DEVICE float glu_sigmoid(float x) {
	const float e = exp2_fast((x < 0 ? x : -x) * 1.44269504f);
	return (x < 0 ? e : 1.0f) * rcp_fast(1.0f + e);
}

// glu_near is the slope where it crosses zero, within 1/16 of there: its series. The formula's terms cancel, and f32 would keep no
// digit of a small slope. The zero is a sum of two f32.
DEVICE float glu_near(float d, float c1, float c2, float c3, float c4, float c5) {
	return d * fma_rn(d, fma_rn(d, fma_rn(d, fma_rn(d, c5, c4), c3), c2), c1);
}

// glu_activate is the activation, with its slope: exact to rounding with EXACT, else to rounding of the larger of its terms, which
// is all that bf16 can tell.
template <int ACT, bool EXACT> DEVICE float glu_activate(float x, float *slope) {
	if (ACT == GLU_RELU) { // the slope at 0 is 0; NaN stays NaN
		*slope = x <= 0 ? 0.0f : 1.0f;
		return x <= 0 ? 0.0f : x;
	}
	if (ACT == GLU_SILU) {
		const float s = glu_sigmoid(x), y = x * s, d = x + 1.27846456f - 1.29792827e-8f;
		*slope = fma_rn(y, 1.0f - s, s);
		if (EXACT && fabsf(d) < 0.0625f) *slope = glu_near(d, 0.217811706f, 0.146648797f, 0.0188748142f, -0.0152226552f, -0.00660658914f);
		return y;
	}
	// ½x(1 + tanh(u)) = x·σ(2u) with 2u = c(x + 0.044715x³), c = 2√(2/π). Beyond ±30 the sigmoid is 0 or 1 and its slope 0,
	// which must not meet an infinite square.
	const float c = 1.59576912f, near = x > 30.0f ? 30.0f : x < -30.0f ? -30.0f : x;
	const float s = glu_sigmoid(c * fma_rn(near * near * near, 0.044715f, near)), y = x * s, d = x + 0.752461433f - 1.13396283e-8f;
	*slope = fma_rn(y * (1.0f - s), c * fma_rn(near * near, 0.134145f, 1.0f), s);
	if (EXACT && fabsf(d) < 0.0625f) *slope = glu_near(d, 0.430400091f, 0.387518446f, -0.0157828535f, -0.113944483f, -0.0166193283f);
	return y;
}

// glu_pack does eight columns of a row.
template <int TYPE, bool BACK, int ACT> DEVICE void glu_pack(const glu_args &a, i64 row, i64 i, int n) {
	const i64 gate = row * 2 * a.dim + i, up = gate + a.dim, at = row * a.dim + i;
	float g[PACK], u[PACK], d[PACK], p[PACK], q[PACK];
	fetch_f32(a.gateup, TYPE, gate, n, a.aligned, g);
	fetch_f32(a.gateup, TYPE, up, n, a.aligned, u);
	if (BACK) fetch_f32(a.dout, TYPE, at, n, a.aligned, d);
#pragma unroll
	for (int k = 0; k < PACK; k++) {
		float slope;
		const float y = glu_activate<ACT, TYPE == ELEMENT_F32>(g[k], &slope);
		p[k] = BACK ? d[k] * u[k] * slope : y * u[k];
		if (BACK) q[k] = d[k] * y;
	}
	put_f32(a.out, TYPE, BACK ? gate : at, n, a.aligned, p);
	if (BACK) put_f32(a.out, TYPE, up, n, a.aligned, q);
}

template <int TYPE, bool BACK> DEVICE void glu_rows(const glu_args &a) {
	const i64 i = ((i64)blockIdx.x * blockDim.x + threadIdx.x) * PACK;
	if (failed_before(a.failures) || i >= a.dim) return;
	const int n = pack_length(i, a.dim);
	for (i64 row = blockIdx.y; row < a.rows; row += gridDim.y) {
		if (a.act == GLU_SILU) glu_pack<TYPE, BACK, GLU_SILU>(a, row, i, n);
		else if (a.act == GLU_GELU_TANH) glu_pack<TYPE, BACK, GLU_GELU_TANH>(a, row, i, n);
		else glu_pack<TYPE, BACK, GLU_RELU>(a, row, i, n);
	}
}
KERNEL(glu_f32, glu_args, GLU_THREADS, 4) { glu_rows<ELEMENT_F32, false>(a); }
KERNEL(glu_bf16, glu_args, GLU_THREADS, 4) { glu_rows<ELEMENT_BF16, false>(a); }
KERNEL(glu_backward_f32, glu_args, GLU_THREADS, 4) { glu_rows<ELEMENT_F32, true>(a); }
KERNEL(glu_backward_bf16, glu_args, GLU_THREADS, 4) { glu_rows<ELEMENT_BF16, true>(a); }
