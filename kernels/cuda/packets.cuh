// Rows read, and written, in packets of 16 bytes (4 f32 or 8 bf16), packet i by thread i mod blockDim.x of a block. Which
// element meets which thread, and in which order, depends on its index alone: where a row is not aligned to 16 bytes, and in
// its last packet, the same elements are moved one by one. A row's bits are hence the same wherever it lies.
#ifndef PRIMER_PACKETS
#define PRIMER_PACKETS

#include "prims.cuh"

// PACKET<T> elements are a packet.
template <class T> constexpr int PACKET = 16 / sizeof(T);

// Packets whose loads are issued before the first is used: 64 bytes in flight a thread.
#define PACKETS_AHEAD 4

DEVICE bool aligned16(const void *p) { return ((u64)p & 15) == 0; }

DEVICE void unpack(vec16 v, float (&x)[4]) {
	for (int k = 0; k < 4; k++) x[k] = f32_bits(v.w[k]);
}
DEVICE void unpack(vec16 v, float (&x)[8]) {
	for (int k = 0; k < 4; k++) {
		x[2 * k] = f32_bits(v.w[k] << 16);
		x[2 * k + 1] = f32_bits(v.w[k] & 0xffff0000u);
	}
}
DEVICE vec16 pack(const float (&x)[4]) {
	return {{bits_f32(x[0]), bits_f32(x[1]), bits_f32(x[2]), bits_f32(x[3])}};
}
DEVICE vec16 pack(const float (&x)[8]) {
	return {{pack_bf16(x[0], x[1]), pack_bf16(x[2], x[3]), pack_bf16(x[4], x[5]), pack_bf16(x[6], x[7])}};
}

// packet_load reads packet i of a row of n elements; elements past the end are `fill`.
template <class T> DEVICE void packet_load(const T *row, i64 n, i64 i, bool aligned, float fill, float (&x)[PACKET<T>]) {
	const i64 from = i * PACKET<T>;
	if (aligned && from + PACKET<T> <= n) {
		unpack(load16(row + from), x);
		return;
	}
	for (int k = 0; k < PACKET<T>; k++) x[k] = from + k < n ? f32_of(row[from + k]) : fill;
}

template <class T> DEVICE void packet_store(T *row, i64 n, i64 i, bool aligned, const float (&x)[PACKET<T>]) {
	const i64 from = i * PACKET<T>;
	if (aligned && from + PACKET<T> <= n) {
		store16_streaming(row + from, pack(x));
		return;
	}
	for (int k = 0; k < PACKET<T>; k++)
		if (from + k < n) store_as(row, from + k, x[k]);
}

// packets_of is how many packets of a row of n elements this thread takes, packet_at which one the j-th of them is.
template <class T> DEVICE i64 packets_of(i64 n) {
	const i64 all = (n + PACKET<T> - 1) / PACKET<T>;
	return threadIdx.x < all ? (all - 1 - threadIdx.x) / blockDim.x + 1 : 0;
}
DEVICE i64 packet_at(i64 j) { return threadIdx.x + j * blockDim.x; }

// read_packets calls f(i, x) for this thread's packets i of a row, rising; elements past the end are `fill`.
template <class T, class F> DEVICE void read_packets(const T *row, i64 n, float fill, F f) {
	const bool aligned = aligned16(row);
	const i64 mine = packets_of<T>(n);
	i64 j = 0;
	for (; aligned && (packet_at(j + PACKETS_AHEAD - 1) + 1) * PACKET<T> <= n; j += PACKETS_AHEAD) {
		vec16 v[PACKETS_AHEAD];
#pragma unroll
		for (int u = 0; u < PACKETS_AHEAD; u++) v[u] = load16(row + packet_at(j + u) * PACKET<T>);
#pragma unroll
		for (int u = 0; u < PACKETS_AHEAD; u++) {
			float x[PACKET<T>];
			unpack(v[u], x);
			f(packet_at(j + u), x);
		}
	}
	for (; j < mine; j++) {
		float x[PACKET<T>];
		packet_load(row, n, packet_at(j), aligned, fill, x);
		f(packet_at(j), x);
	}
}

// rewrite_packets replaces this thread's packets of a row by what f(x) makes of them, the last packet first: what was read
// last by read_packets is likeliest to be in a cache still.
template <class T, class F> DEVICE void rewrite_packets(T *row, i64 n, F f) {
	const bool aligned = aligned16(row);
	i64 j = packets_of<T>(n);
	while (j > 0) {
		if (!aligned || j < PACKETS_AHEAD || (packet_at(j - 1) + 1) * PACKET<T> > n) {
			float x[PACKET<T>];
			j--;
			packet_load(row, n, packet_at(j), aligned, 0.0f, x);
			f(x);
			packet_store(row, n, packet_at(j), aligned, x);
			continue;
		}
		j -= PACKETS_AHEAD;
		vec16 v[PACKETS_AHEAD];
#pragma unroll
		for (int u = 0; u < PACKETS_AHEAD; u++) v[u] = load16(row + packet_at(j + u) * PACKET<T>);
#pragma unroll
		for (int u = 0; u < PACKETS_AHEAD; u++) {
			float x[PACKET<T>];
			unpack(v[u], x);
			f(x);
			store16_streaming(row + packet_at(j + u) * PACKET<T>, pack(x));
		}
	}
}

#endif
