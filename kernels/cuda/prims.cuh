// What every kernel here is written with: the few device functions that C++ does not have. There are two sets of them with the
// same names: this one, in PTX, which NVRTC compiles; and emulate.h, in plain C++, which runs on the host (PRIMER_EMULATED).
// A kernel uses nothing of the device beyond these, threadIdx, blockIdx, blockDim, gridDim, __shared__, __syncthreads and
// __syncwarp.
//
// The sources need no headers: bf16 is two bytes, 64-bit integers are long long.
#ifndef PRIMER_PRIMS
#define PRIMER_PRIMS

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

struct bf16 {
	u16 bits;
};
struct alignas(16) vec16 { // 16 bytes: 4 f32, or 8 bf16
	u32 w[4];
};

// A device failure: the first one wins, and Sync reports it.
struct failure {
	int code; // 0: none; else the FAIL_ code of an op's .go file
	int pad;
	i64 row, value;
};

// What stands within #if PART(n) is compiled in part n of its source only; the emulator takes all.
#ifdef PRIMER_PART
#define PART(n) (PRIMER_PART == (n))
#else
#define PART(n) 1
#endif

#define WARP 32
#define FULL_MASK 0xffffffffu

#ifdef PRIMER_EMULATED
#include "emulate.h"
#else

#define DEVICE static __device__ __forceinline__

// KERNEL defines a kernel whose one parameter is a struct by value, launched with at most `threads` threads a block, of which
// `blocks` fit a multiprocessor.
#define KERNEL(name, args_type, threads, blocks) \
	extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ args_type a)

// dynamic_shared is the block's dynamic shared memory, aligned to 128 bytes.
extern "C" __shared__ __align__(128) unsigned char primer_dynamic_shared[];
DEVICE void *dynamic_shared() { return primer_dynamic_shared; }

DEVICE float f32_bits(u32 x) { return __uint_as_float(x); }
DEVICE u32 bits_f32(float x) { return __float_as_uint(x); }
DEVICE float f32_of(float x) { return x; }
DEVICE float f32_of(bf16 x) { return __uint_as_float((u32)x.bits << 16); }
// bf16_of rounds to nearest even; NaN stays NaN.
DEVICE bf16 bf16_of(float x) {
	bf16 r;
	asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
	return r;
}
// pack_bf16 is two of them in a word, `low` in the lower half.
DEVICE u32 pack_bf16(float low, float high) {
	u32 r;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
	return r;
}
// Halves (f16), for conversion only.
DEVICE float f32_of_half(u16 x) {
	float r;
	asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x));
	return r;
}
DEVICE u16 half_of(float x) {
	u16 r;
	asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(x));
	return r;
}

// 16 bytes at once; the address is a multiple of 16. The streaming ones do not stay in the first cache.
DEVICE vec16 load16(const void *p) { return *(const vec16 *)p; }
DEVICE void store16(void *p, vec16 v) { *(vec16 *)p = v; }
DEVICE vec16 load16_streaming(const void *p) {
	vec16 v;
	asm volatile("ld.global.cs.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.w[0]), "=r"(v.w[1]), "=r"(v.w[2]), "=r"(v.w[3]) : "l"(p));
	return v;
}
DEVICE void store16_streaming(void *p, vec16 v) {
	asm volatile("st.global.cs.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(p), "r"(v.w[0]), "r"(v.w[1]), "r"(v.w[2]), "r"(v.w[3]) : "memory");
}

// Arithmetic whose rounding a contract names.
DEVICE float fma_rn(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEVICE float mul_rn(float a, float b) { return __fmul_rn(a, b); }
DEVICE float add_rn(float a, float b) { return __fadd_rn(a, b); }
DEVICE double fma_rn(double a, double b, double c) { return __fma_rn(a, b, c); }
// Fast ones, within 2 ulp or 2^-21.
DEVICE float exp2_fast(float x) {
	float r;
	asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
	return r;
}
DEVICE float rcp_fast(float x) {
	float r;
	asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
	return r;
}

// Exchange within a warp; all lanes of the mask take part.
DEVICE float shuffle_xor(float x, int lanes) { return __shfl_xor_sync(FULL_MASK, x, lanes); }
DEVICE u32 shuffle_xor(u32 x, int lanes) { return __shfl_xor_sync(FULL_MASK, x, lanes); }
DEVICE double shuffle_xor(double x, int lanes) { return __shfl_xor_sync(FULL_MASK, x, lanes); }
DEVICE float shuffle(float x, int lane) { return __shfl_sync(FULL_MASK, x, lane); }
DEVICE u32 shuffle(u32 x, int lane) { return __shfl_sync(FULL_MASK, x, lane); }
DEVICE u32 shuffle_up(u32 x, int lanes) { return __shfl_up_sync(FULL_MASK, x, lanes); }
DEVICE float shuffle_up(float x, int lanes) { return __shfl_up_sync(FULL_MASK, x, lanes); }
DEVICE u32 ballot(bool x) { return __ballot_sync(FULL_MASK, x); }

DEVICE int atomic_add(int *p, int x) { return atomicAdd(p, x); }
DEVICE u32 atomic_add(u32 *p, u32 x) { return atomicAdd(p, x); }
DEVICE float atomic_add(float *p, float x) { return atomicAdd(p, x); }
DEVICE int atomic_swap_if(int *p, int expected, int x) { return atomicCAS(p, expected, x); }
DEVICE void fence_device() { __threadfence(); }

// Copies of 16 bytes from global to shared memory that go on by themselves (sm_80): with valid = false zeros are written and
// nothing is read. They are there after cp_wait<n> of all but the n newest groups, in this thread; in others after a barrier.
DEVICE u32 shared_address(const void *p) { return (u32)__cvta_generic_to_shared(p); }
DEVICE void cp_async16(void *shared, const void *global, bool valid) {
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid ? 16 : 0) : "memory");
}
DEVICE void cp_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int newest> DEVICE void cp_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory"); }

// Four 8 × 8 matrices of bf16 from shared memory: lane l gives the address of row l%8 of matrix l/8 (16 bytes, aligned); word
// i of lane l is row l/4, columns 2(l%4) and +1, of matrix i. The turned one gives the transposed matrices.
DEVICE void ldmatrix(u32 (&r)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
	             : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
DEVICE void ldmatrix_turned(u32 (&r)[4], const void *row) {
	asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
	             : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// d += a·b on the tensor cores: a [16,16] row-major, b [16,8] column-major, in bf16, d [16,8] in f32; fragments as the PTX manual
// lays out mma.m16n8k16. Lane l holds, with g = l/4 and t = l%4: d[0..1] row g, columns 2t, 2t+1; d[2..3] row g+8; a[0] row g,
// k 2t..; a[1] row g+8; a[2] row g, k 2t+8..; a[3] row g+8, k 2t+8..; b[0] k 2t.., column g; b[1] k 2t+8.., column g.
DEVICE void mma(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
	asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
	             : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#endif // PRIMER_EMULATED

// store_as converts on the way: store_as(p, i, x) with p float * or bf16 *.
DEVICE void store_as(float *p, i64 i, float x) { p[i] = x; }
DEVICE void store_as(bf16 *p, i64 i, float x) { p[i] = bf16_of(x); }

// fail notes a failure; the first of all threads wins.
DEVICE void fail(failure *f, int code, i64 row, i64 value) {
	if (atomic_swap_if(&f->code, 0, code) == 0) {
		f->row = row;
		f->value = value;
	}
}

// failed_before says that an op before this one failed on the device: the contract skips what follows until Sync. In a kernel that
// may fail itself, threads of a block may see different answers: it has no barriers, or one thread asks for all.
DEVICE bool failed_before(const failure *f) { return f->code != 0; }

template <class T> DEVICE T warp_sum(T x) {
	for (int lanes = WARP / 2; lanes > 0; lanes /= 2) x += shuffle_xor(x, lanes);
	return x;
}
DEVICE float warp_max(float x) {
	for (int lanes = WARP / 2; lanes > 0; lanes /= 2) {
		const float other = shuffle_xor(x, lanes);
		x = other > x ? other : x;
	}
	return x;
}

// block_sum is the sum over the block, in every thread and in one order; scratch: 32 T of shared memory, free again after the
// next barrier.
template <class T> DEVICE T block_sum(T x, T *scratch) {
	x = warp_sum(x);
	const int lane = threadIdx.x % WARP, warps = (blockDim.x + WARP - 1) / WARP;
	if (lane == 0) scratch[threadIdx.x / WARP] = x;
	__syncthreads();
	return warp_sum(lane < warps ? scratch[lane] : T(0));
}

// Philox4x32-10 (Salmon et al. 2011), the streams of kernels/philox.go.
struct philox_key {
	u32 k0, k1;
};
struct philox_words {
	u32 w[4];
};
DEVICE philox_words philox(philox_key key, u32 c0, u32 c1, u32 c2, u32 c3) {
	for (int round = 0; round < 10; round++) {
		const u64 p0 = (u64)0xD2511F53u * c0, p1 = (u64)0xCD9E8D57u * c2;
		const u32 n0 = (u32)(p1 >> 32) ^ c1 ^ key.k0, n2 = (u32)(p0 >> 32) ^ c3 ^ key.k1;
		c1 = (u32)p1, c3 = (u32)p0, c0 = n0, c2 = n2;
		key.k0 += 0x9E3779B9u, key.k1 += 0xBB67AE85u;
	}
	return {{c0, c1, c2, c3}};
}
DEVICE philox_key philox_subkey(u64 seed, u32 purpose, u64 step, u32 layer) {
	const philox_words w = philox({(u32)seed, (u32)(seed >> 32)}, (u32)step, (u32)(step >> 32), layer, purpose);
	return {w.w[0], w.w[1]};
}
DEVICE u32 philox_element(philox_key key, u64 i) { return philox(key, (u32)(i >> 2), (u32)(i >> 34), 0, 0).w[i & 3]; }

#endif
