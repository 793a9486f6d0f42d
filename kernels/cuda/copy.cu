// Copy and fill: dst[i] = x[i], dst[i] += x[i], dst[i] = value, over n elements in a row, whatever their shape.
//
// Equal types are moved as bytes: between addresses that agree modulo 16, all but up to 15 bytes at either end by 16 bytes a
// thread, else by the widest unit of 8, 4, 2 or 1 bytes by which the addresses agree. Other types go through f32 in packs of eight
// (elements.cuh), which is exact on the way up and rounds once, to nearest even, on the way down. A fill repeats eight bytes.
//
// Roofline: nothing but memory. A [16384, 4096] bf16 tensor is 134 MB in and 134 MB out, 56 µs at 4.8 TB/s. A thread has four
// independent accesses of 16 bytes under way, 2,048 threads a multiprocessor: 128 KB, where 4.8 TB/s times a latency of 0.8 µs
// asks for 29 KB.
//
// Not used: the driver's own copy, which would go on after a failed op where the contract skips.
#include "elements.cuh"

#define COPY_THREADS 256
#define COPY_EACH 4 // accesses a thread has under way

struct copy_bytes_args {
	failure *failures;
	u8 *dst;
	const u8 *x;
	i64 bytes;
	int unit, head; // both addresses are multiples of unit after head bytes
};

// copy_units moves `units` of sizeof(T) bytes; a block takes COPY_EACH neighbouring runs of a unit a thread.
template <class T> DEVICE void copy_units(u8 *dst, const u8 *x, i64 units) {
	T *to = (T *)dst;
	const T *from = (const T *)x;
	const i64 at = (i64)blockIdx.x * COPY_THREADS * COPY_EACH + threadIdx.x;
	T held[COPY_EACH];
#pragma unroll
	for (int k = 0; k < COPY_EACH; k++)
		if (at + k * COPY_THREADS < units) held[k] = from[at + k * COPY_THREADS];
#pragma unroll
	for (int k = 0; k < COPY_EACH; k++)
		if (at + k * COPY_THREADS < units) to[at + k * COPY_THREADS] = held[k];
}

KERNEL(copy_bytes, copy_bytes_args, COPY_THREADS, 4) {
	if (failed_before(a.failures)) return;
	const i64 units = (a.bytes - a.head) / a.unit, tail = a.head + units * a.unit;
	if (blockIdx.x == 0) { // the ends: fewer than 16 bytes each
		const int t = threadIdx.x;
		if (t < a.head) a.dst[t] = a.x[t];
		if (tail + t < a.bytes) a.dst[tail + t] = a.x[tail + t];
	}
	u8 *dst = a.dst + a.head;
	const u8 *x = a.x + a.head;
	if (a.unit == 16) copy_units<vec16>(dst, x, units);
	else if (a.unit == 8) copy_units<u64>(dst, x, units);
	else if (a.unit == 4) copy_units<u32>(dst, x, units);
	else if (a.unit == 2) copy_units<u16>(dst, x, units);
	else copy_units<u8>(dst, x, units);
}

struct copy_args {
	failure *failures;
	void *dst;
	const void *x;
	i64 n;
	int x_type, accumulate, aligned, pad;
};

// copy_packs converts or adds two packs a thread.
template <int TYPE> DEVICE void copy_packs(const copy_args &a) {
	if (failed_before(a.failures)) return;
	const i64 at = ((i64)blockIdx.x * COPY_THREADS * 2 + threadIdx.x) * PACK;
	pack8 held[2];
#pragma unroll
	for (int k = 0; k < 2; k++) {
		const i64 i = at + k * COPY_THREADS * PACK;
		const int n = pack_length(i, a.n);
		if (n > 0) held[k] = fetch(a.x, a.x_type, i, n, a.aligned && n == PACK);
	}
#pragma unroll
	for (int k = 0; k < 2; k++) {
		const i64 i = at + k * COPY_THREADS * PACK;
		const int n = pack_length(i, a.n);
		if (n <= 0) continue;
		const bool whole = a.aligned && n == PACK;
		float x[PACK], sum[PACK];
		unpack(held[k], a.x_type, x);
		if (a.accumulate) {
			fetch_f32(a.dst, TYPE, i, n, whole, sum);
#pragma unroll
			for (int e = 0; e < PACK; e++) x[e] += sum[e];
		}
		put_f32(a.dst, TYPE, i, n, whole, x);
	}
}
KERNEL(copy_f32, copy_args, COPY_THREADS, 4) { copy_packs<ELEMENT_F32>(a); }
KERNEL(copy_bf16, copy_args, COPY_THREADS, 4) { copy_packs<ELEMENT_BF16>(a); }
KERNEL(copy_f16, copy_args, COPY_THREADS, 4) { copy_packs<ELEMENT_F16>(a); }

struct fill_bytes_args {
	failure *failures;
	u8 *dst;
	i64 bytes;
	u64 pattern; // repeated from dst on; for two-byte floats the kernel rounds `value` instead
	int type, head; // dst + head is a multiple of 16
	float value;
	int pad;
};

KERNEL(fill_bytes, fill_bytes_args, COPY_THREADS, 4) {
	if (failed_before(a.failures)) return;
	u64 pattern = a.pattern;
	if (a.type == ELEMENT_BF16) pattern = bf16_of(a.value).bits * 0x0001000100010001ull;
	if (a.type == ELEMENT_F16) pattern = half_of(a.value) * 0x0001000100010001ull;
	const i64 units = (a.bytes - a.head) / 16, tail = a.head + units * 16;
	if (blockIdx.x == 0) {
		const int t = threadIdx.x;
		if (t < a.head) a.dst[t] = (u8)(pattern >> (t % 8 * 8));
		if (tail + t < a.bytes) a.dst[tail + t] = (u8)(pattern >> ((tail + t) % 8 * 8));
	}
	const int turn = a.head % 8 * 8;
	const u64 turned = turn ? pattern >> turn | pattern << (64 - turn) : pattern;
	const u32 low = (u32)turned, high = (u32)(turned >> 32);
	const i64 at = (i64)blockIdx.x * COPY_THREADS * COPY_EACH + threadIdx.x;
#pragma unroll
	for (int k = 0; k < COPY_EACH; k++)
		if (at + k * COPY_THREADS < units) store16(a.dst + a.head + (at + k * COPY_THREADS) * 16, {{low, high, low, high}});
}
