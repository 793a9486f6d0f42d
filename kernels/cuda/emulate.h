// What prims.cuh declares for PTX, in plain C++: the device that a .cu sees when it is compiled for the host. emulate.cpp runs
// it: every thread is a fiber, and every function below at which threads meet is a place where another thread goes on.
//
// Everything a kernel can observe of time is random (from a seed): the order of blocks, warps and lanes, when an asynchronous copy
// reads its source and when it lands. Shared memory holds NaN (all bits set) when a block begins.
#ifndef PRIMER_EMULATE
#define PRIMER_EMULATE

#include <cmath>
#include <cstddef>
#include <cstring>

namespace emulated {

struct dims {
	u32 x, y, z;
};

// Where threads meet. All lanes of a warp (a barrier: all threads of a block) must come to the same one, on the same line.
enum meeting { MEET_NONE, MEET_EXIT, MEET_BARRIER, MEET_SYNCWARP, MEET_XOR, MEET_LANE, MEET_UP, MEET_BALLOT, MEET_LDMATRIX, MEET_LDMATRIX_TURNED, MEET_MMA,
               MEET_GROUP_FENCE, MEET_GROUP_MMA, MEET_GROUP_COMMIT, MEET_GROUP_WAIT };

// What the running thread may know of itself. The rest of it is emulate.cpp's.
struct thread {
	dims index;
	int lane;
	meeting at;
	int line;
	const char *file;
	u64 in, out; // exchange: bits given and got
	int lanes;   // exchange: the lane named, or how far
	void *operands;
};
struct matrices {
	u32 *r;
	const void *row;
};
struct product {
	float *d;
	const u32 *a;
	u32 b0, b1;
};

// Of a product of a warpgroup (warpgroup.cuh): d [n/8][4], a in registers or, where it is null, at `left`.
struct group_product {
	float *d;
	const u32 *a;
	u64 left, right;
	int n;
	bool turned, add;
};
const u32 shared_base = 1152; // the address of the block's dynamic shared memory: variables stand before it

#define HIDDEN __attribute__((visibility("hidden")))
extern HIDDEN thread *now; // the thread that runs
extern HIDDEN dims block, block_size, grid_size;
HIDDEN void meet(meeting at, int line, const char *file);
HIDDEN void *shared_memory();
HIDDEN void async_copy(void *shared, const void *global, bool valid, int line, const char *file);
HIDDEN void async_commit();
HIDDEN void async_wait(int newest);
HIDDEN void fence_copies();
HIDDEN void aligned16(const void *p, int line, const char *file);
HIDDEN void at_atomic(const void *p, size_t size, int line, const char *file);
HIDDEN float half_to_float(u16 x);
HIDDEN u16 float_to_half(float x);

// A kernel's entry in the table by which the stand-in driver finds it.
struct kernel {
	const char *name;
	void (*run)(const void *args);
	size_t args;
	int threads;
	const char *file;
	const kernel *next;
	mutable u64 launches = 0;
	HIDDEN kernel(const char *name, void (*run)(const void *), size_t args, int threads, const char *file);
};

template <class To, class From> inline To bits_as(From x) {
	To to = To();
	memcpy(&to, &x, sizeof(To) < sizeof(From) ? sizeof(To) : sizeof(From));
	return to;
}
template <class T> inline T exchange(meeting at, T x, int lanes, int line, const char *file) {
	thread *t = now;
	t->in = bits_as<u64>(x), t->lanes = lanes;
	meet(at, line, file);
	return bits_as<T>(t->out);
}

} // namespace emulated

// The line on which a function was called, for messages.
#define HERE int line = __builtin_LINE(), const char *file = __builtin_FILE()

#define DEVICE static inline
#define __align__(n) __attribute__((aligned(n)))
// Shared variables stand in a section of their own (an attribute `section` would be ignored inside templates), which emulate.cpp
// poisons; `used` keeps the compiler from concluding anything from what it sees written.
#define __shared__ static __attribute__((noinit, used))
#define threadIdx (emulated::now->index)
#define blockIdx (emulated::block)
#define blockDim (emulated::block_size)
#define gridDim (emulated::grid_size)

#define KERNEL(name, args_type, threads, blocks) EMULATED_KERNEL(name, args_type, threads)
#define EMULATED_KERNEL(name, args_type, threads)                                                                              \
	static void name(const args_type &a);                                                                                      \
	static void name##_run(const void *a) { name(*(const args_type *)a); }                                                     \
	static const emulated::kernel name##_entry(#name, name##_run, sizeof(args_type), threads, __FILE__);                       \
	static void name([[maybe_unused]] const args_type &a)

DEVICE void __syncthreads(HERE) { emulated::meet(emulated::MEET_BARRIER, line, file); }
DEVICE void __syncwarp(HERE) { emulated::meet(emulated::MEET_SYNCWARP, line, file); }
DEVICE void *dynamic_shared() { return emulated::shared_memory(); }

DEVICE float f32_bits(u32 x) { return emulated::bits_as<float>(x); }
DEVICE u32 bits_f32(float x) { return emulated::bits_as<u32>(x); }
DEVICE float f32_of(float x) { return x; }
DEVICE float f32_of(bf16 x) { return f32_bits((u32)x.bits << 16); }
DEVICE bf16 bf16_of(float x) {
	const u32 w = bits_f32(x);
	if (x != x) return {0x7fff};
	return {(u16)((w + 0x7fff + (w >> 16 & 1)) >> 16)};
}
DEVICE u32 pack_bf16(float low, float high) { return (u32)bf16_of(high).bits << 16 | bf16_of(low).bits; }
DEVICE float f32_of_half(u16 x) { return emulated::half_to_float(x); }
DEVICE u16 half_of(float x) { return emulated::float_to_half(x); }

DEVICE vec16 load16(const void *p, HERE) {
	emulated::aligned16(p, line, file);
	return *(const vec16 *)p;
}
DEVICE void store16(void *p, vec16 v, HERE) {
	emulated::aligned16(p, line, file);
	*(vec16 *)p = v;
}
DEVICE vec16 load16_streaming(const void *p, HERE) { return load16(p, line, file); }
DEVICE void store16_streaming(void *p, vec16 v, HERE) { store16(p, v, line, file); }

DEVICE float fma_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEVICE float mul_rn(float a, float b) { return a * b; }
DEVICE float add_rn(float a, float b) { return a + b; }
DEVICE double fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
// The fast ones flush denormals, as the device does.
DEVICE float emulated_flush(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }
DEVICE float exp2_fast(float x) { return emulated_flush(std::exp2(emulated_flush(x))); }
DEVICE float rcp_fast(float x) { return emulated_flush(1.0f / emulated_flush(x)); }
DEVICE float rsqrtf(float x) { return (float)(1 / std::sqrt((double)x)); }

DEVICE float shuffle_xor(float x, int lanes, HERE) { return emulated::exchange(emulated::MEET_XOR, x, lanes, line, file); }
DEVICE u32 shuffle_xor(u32 x, int lanes, HERE) { return emulated::exchange(emulated::MEET_XOR, x, lanes, line, file); }
DEVICE double shuffle_xor(double x, int lanes, HERE) { return emulated::exchange(emulated::MEET_XOR, x, lanes, line, file); }
DEVICE float shuffle(float x, int lane, HERE) { return emulated::exchange(emulated::MEET_LANE, x, lane, line, file); }
DEVICE u32 shuffle(u32 x, int lane, HERE) { return emulated::exchange(emulated::MEET_LANE, x, lane, line, file); }
DEVICE u32 shuffle_up(u32 x, int lanes, HERE) { return emulated::exchange(emulated::MEET_UP, x, lanes, line, file); }
DEVICE float shuffle_up(float x, int lanes, HERE) { return emulated::exchange(emulated::MEET_UP, x, lanes, line, file); }
DEVICE u32 ballot(bool x, HERE) { return emulated::exchange(emulated::MEET_BALLOT, (u32)x, 0, line, file); }

template <class T> DEVICE T emulated_add(T *p, T x, int line, const char *file) {
	emulated::at_atomic(p, sizeof(T), line, file);
	const T old = *p;
	*p = old + x;
	return old;
}
DEVICE int atomic_add(int *p, int x, HERE) { return emulated_add(p, x, line, file); }
DEVICE u32 atomic_add(u32 *p, u32 x, HERE) { return emulated_add(p, x, line, file); }
DEVICE float atomic_add(float *p, float x, HERE) { return emulated_add(p, x, line, file); }
DEVICE int atomic_swap_if(int *p, int expected, int x, HERE) {
	emulated::at_atomic(p, sizeof(int), line, file);
	const int old = *p;
	if (old == expected) *p = x;
	return old;
}
DEVICE void fence_device() {}

DEVICE u32 shared_address(const void *p) { return (u32)((const char *)p - (const char *)emulated::shared_memory()) + emulated::shared_base; }
DEVICE void cp_async16(void *shared, const void *global, bool valid, HERE) { emulated::async_copy(shared, global, valid, line, file); }
DEVICE void cp_commit() { emulated::async_commit(); }
template <int newest> DEVICE void cp_wait() { emulated::async_wait(newest); }

DEVICE void ldmatrix(u32 (&r)[4], const void *row, HERE) {
	emulated::matrices m = {r, row};
	emulated::now->operands = &m;
	emulated::meet(emulated::MEET_LDMATRIX, line, file);
}
DEVICE void ldmatrix_turned(u32 (&r)[4], const void *row, HERE) {
	emulated::matrices m = {r, row};
	emulated::now->operands = &m;
	emulated::meet(emulated::MEET_LDMATRIX_TURNED, line, file);
}
DEVICE void mma(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1, HERE) {
	emulated::product p = {d, a, b0, b1};
	emulated::now->operands = &p;
	emulated::meet(emulated::MEET_MMA, line, file);
}

#endif
