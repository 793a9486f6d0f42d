// Eight neighbouring elements of a tensor in a thread: what the ops that only stream (embed, rmsnorm, rope, glu, dropout, copy)
// move at a time. That is one access of 16 bytes for a two-byte type and two for f32, where every pack of the tensors at hand is
// a whole one on a multiple of 16 bytes (`aligned`, which the host decides); else element by element, with n of eight there. Which
// thread holds which elements is the same either way, and so are the bits of every sum.
//
// Types are numbers of kernels.DType and mostly known when a kernel is compiled: every function is inlined and its branches
// fold. A pack stays in the tensor's type until it is used: half the registers for bf16.
#ifndef PRIMER_ELEMENTS
#define PRIMER_ELEMENTS
#include "prims.cuh"

#define PACK 8

enum { ELEMENT_F32 = 1, ELEMENT_BF16 = 2, ELEMENT_F16 = 3 };

struct pack8 {
	u32 w[8]; // f32: one a word; else two a word, in the first four
};

// pack_length is how many of elements [i, i+8) lie before dim.
DEVICE int pack_length(i64 i, i64 dim) { return dim - i < PACK ? (int)(dim - i) : PACK; }

DEVICE pack8 fetch(const void *p, int type, i64 i, int n, bool aligned) {
	pack8 r;
	if (type == ELEMENT_F32) {
		const float *f = (const float *)p + i;
		if (aligned) {
			const vec16 low = load16(f), high = load16(f + 4);
#pragma unroll
			for (int k = 0; k < 4; k++) r.w[k] = low.w[k], r.w[k + 4] = high.w[k];
		} else {
#pragma unroll
			for (int k = 0; k < PACK; k++) r.w[k] = k < n ? bits_f32(f[k]) : 0;
		}
	} else {
		const u16 *h = (const u16 *)p + i;
		if (aligned) {
			const vec16 all = load16(h);
#pragma unroll
			for (int k = 0; k < 4; k++) r.w[k] = all.w[k];
		} else {
#pragma unroll
			for (int k = 0; k < PACK; k += 2) r.w[k / 2] = (k < n ? h[k] : 0u) | (k + 1 < n ? h[k + 1] : 0u) << 16;
		}
	}
	return r;
}

DEVICE void put(void *p, int type, i64 i, int n, bool aligned, const pack8 &x) {
	if (type == ELEMENT_F32) {
		float *f = (float *)p + i;
		if (aligned) {
			store16(f, {{x.w[0], x.w[1], x.w[2], x.w[3]}});
			store16(f + 4, {{x.w[4], x.w[5], x.w[6], x.w[7]}});
		} else {
#pragma unroll
			for (int k = 0; k < PACK; k++)
				if (k < n) f[k] = f32_bits(x.w[k]);
		}
	} else {
		u16 *h = (u16 *)p + i;
		if (aligned) {
			store16(h, {{x.w[0], x.w[1], x.w[2], x.w[3]}});
		} else {
#pragma unroll
			for (int k = 0; k < PACK; k++)
				if (k < n) h[k] = (u16)(x.w[k / 2] >> (k % 2 * 16));
		}
	}
}

DEVICE void unpack(const pack8 &p, int type, float (&x)[PACK]) {
#pragma unroll
	for (int k = 0; k < PACK; k++) {
		if (type == ELEMENT_F32) {
			x[k] = f32_bits(p.w[k]);
		} else if (type == ELEMENT_BF16) {
			x[k] = f32_bits(k % 2 ? p.w[k / 2] & 0xffff0000u : p.w[k / 2] << 16);
		} else {
			x[k] = f32_of_half((u16)(p.w[k / 2] >> (k % 2 * 16)));
		}
	}
}

// pack_up rounds once, to nearest even.
DEVICE pack8 pack_up(int type, const float (&x)[PACK]) {
	pack8 r;
	if (type == ELEMENT_F32) {
#pragma unroll
		for (int k = 0; k < PACK; k++) r.w[k] = bits_f32(x[k]);
	} else {
#pragma unroll
		for (int k = 0; k < PACK; k += 2) {
			if (type == ELEMENT_BF16) {
				r.w[k / 2] = pack_bf16(x[k], x[k + 1]);
			} else {
				r.w[k / 2] = half_of(x[k]) | (u32)half_of(x[k + 1]) << 16;
			}
		}
	}
	return r;
}

// fetch_f32 and put_f32 convert on the way.
DEVICE void fetch_f32(const void *p, int type, i64 i, int n, bool aligned, float (&x)[PACK]) {
	unpack(fetch(p, type, i, n, aligned), type, x);
}
DEVICE void put_f32(void *p, int type, i64 i, int n, bool aligned, const float (&x)[PACK]) {
	put(p, type, i, n, aligned, pack_up(type, x));
}

#endif
