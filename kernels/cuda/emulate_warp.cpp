//go:build cuda && emulator

// What the lanes of a warp do together. The lane that came last does it for all of them.

#include "emulate_run.h"

namespace emulated {

namespace {

// Fetch row (i·8 + row) of the four matrices; every address is checked.
const u16 *matrix_row(fiber_thread *t) {
	const void *p = ((matrices *)t->operands)->row;
	if ((uintptr_t)p & 15) stop("ldmatrix of a row at an address that is no multiple of 16: " + place(t));
	if (!in_shared(p, 16)) stop("ldmatrix of a row outside shared memory: " + place(t));
	return (const u16 *)p;
}

void load_matrices(fiber_thread *warp, bool turned) {
	u16 m[4][8][8];
	for (int i = 0; i < lanes; i++) memcpy(m[i / 8][i % 8], matrix_row(warp + i), 16);
	for (int i = 0; i < lanes; i++) {
		u32 *r = ((matrices *)warp[i].operands)->r;
		const int row = i / 4, column = i % 4 * 2;
		for (int j = 0; j < 4; j++)
			r[j] = turned ? m[j][column][row] | (u32)m[j][column + 1][row] << 16 : m[j][row][column] | (u32)m[j][row][column + 1] << 16;
	}
}

float low(u32 x) { return bits_as<float>(x << 16); }
float high(u32 x) { return bits_as<float>(x & 0xffff0000u); }

// d += a·b, k from 0 to 15, a product at a time, each sum rounded to f32. (A tensor core sums several products at once and
// truncates: the last bits differ from a device's.)
void multiply(fiber_thread *warp) {
	float a[16][16], b[16][8], d[16][8];
	for (int i = 0; i < lanes; i++) {
		const product *p = (product *)warp[i].operands;
		const int g = i / 4, t = i % 4 * 2;
		for (int h = 0; h < 2; h++) { // upper and lower rows
			d[g + 8 * h][t] = p->d[2 * h], d[g + 8 * h][t + 1] = p->d[2 * h + 1];
			a[g + 8 * h][t] = low(p->a[h]), a[g + 8 * h][t + 1] = high(p->a[h]);
			a[g + 8 * h][t + 8] = low(p->a[h + 2]), a[g + 8 * h][t + 9] = high(p->a[h + 2]);
		}
		b[t][g] = low(p->b0), b[t + 1][g] = high(p->b0);
		b[t + 8][g] = low(p->b1), b[t + 9][g] = high(p->b1);
	}
	for (int row = 0; row < 16; row++)
		for (int k = 0; k < 16; k++)
			for (int column = 0; column < 8; column++) d[row][column] += a[row][k] * b[k][column];
	for (int i = 0; i < lanes; i++) {
		float *to = ((product *)warp[i].operands)->d;
		const int g = i / 4, t = i % 4 * 2;
		to[0] = d[g][t], to[1] = d[g][t + 1], to[2] = d[g + 8][t], to[3] = d[g + 8][t + 1];
	}
}

void shuffle_lanes(fiber_thread *warp, meeting at) {
	for (int i = 0; i < lanes; i++) {
		const int n = warp[i].lanes;
		int from = at == MEET_XOR ? i ^ n : at == MEET_UP ? i - n : n;
		if (at == MEET_UP && n >= 0 && from < 0) from = i; // as the device has it
		if (n < 0 || from < 0 || from >= lanes) stop("a shuffle with lane " + std::to_string(n) + ": " + place(warp + i));
		warp[i].out = warp[from].in;
	}
}

} // namespace

void exchange_lanes(fiber_thread *warp, meeting at) {
	u64 votes = 0;
	switch (at) {
	case MEET_XOR:
	case MEET_LANE:
	case MEET_UP: return shuffle_lanes(warp, at);
	case MEET_BALLOT:
		for (int i = 0; i < lanes; i++) votes |= (u64)(warp[i].in != 0) << i;
		for (int i = 0; i < lanes; i++) warp[i].out = votes;
		return;
	case MEET_LDMATRIX: return load_matrices(warp, false);
	case MEET_LDMATRIX_TURNED: return load_matrices(warp, true);
	case MEET_MMA: return multiply(warp);
	default: return;
	}
}

// Halves: 1 sign, 5 exponent and 10 fraction bits.
float half_to_float(u16 x) {
	const u32 sign = (u32)(x & 0x8000) << 16, exponent = x >> 10 & 31, fraction = x & 1023;
	if (exponent == 0) return bits_as<float>(bits_as<u32>((float)fraction * 0x1p-24f) | sign);
	if (exponent == 31) return bits_as<float>(sign | 0x7f800000u | fraction << 13);
	return bits_as<float>(sign | (exponent + 112) << 23 | fraction << 13);
}
u16 float_to_half(float x) {
	const u32 w = bits_as<u32>(x), sign = w >> 16 & 0x8000, size = w & 0x7fffffff;
	if (size > 0x7f800000u) return 0x7fff;
	if (size >= 0x477ff000u) return (u16)(sign | 0x7c00); // from 65520 on
	if (size < 0x38800000u) {                             // below 2^-14: a multiple of 2^-24, to nearest even
		const float magnitude = bits_as<float>(size) * 0x1p24f;
		return (u16)(sign | (u32)std::nearbyint(magnitude));
	}
	return (u16)(sign | (size - 0x38000000u + 0xfff + (size >> 13 & 1)) >> 13);
}

} // namespace emulated
