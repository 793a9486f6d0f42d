// Products of a warpgroup (wgmma, Hopper's own: sm_90a): four warps multiply 64 rows at once, with operands from shared memory and
// sums in registers, while their threads go on. Like prims.cuh there are two sets: PTX here, plain C++ in emulate_warpgroup.h.
//
// What every use has to keep (PTX ISA, "Asynchronous warpgroup level matrix instructions"):
//   - group_fence() comes before the first product that uses registers which other code has written;
//   - between a product and the group_wait that waits for it nobody touches its sums or its left operand in registers;
//   - shared memory that threads wrote (cp.async among it) is seen after fence_products() in the writing thread and a barrier;
//   - all threads of the warpgroup come to each of them.
//
// Operands in shared memory are columns of 64 elements: [rows][64] bf16, 128 bytes a row, chunk c of 16 bytes of row r at place
// c ^ r%8, at an address that is a multiple of 1,024 (the 128-byte swizzle). A tile of more columns is several such columns.
#ifndef PRIMER_WARPGROUP
#define PRIMER_WARPGROUP
#include "prims.cuh"

#if defined(PRIMER_EMULATED) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define WARPGROUPS 1
#else
#define WARPGROUPS 0 // what uses them is not compiled
#endif

#if WARPGROUPS

#define GROUP_COLUMN 64 // elements of a column's row

// column_place is where chunk c of a row of a tile of ROWS rows lies.
template <int ROWS> DEVICE bf16 *column_place(bf16 *tile, int row, int c) {
	return tile + (c >> 3) * ROWS * GROUP_COLUMN + row * GROUP_COLUMN + (((c ^ row) & 7) << 3);
}
template <int ROWS> struct column_places { // for templates
	DEVICE bf16 *at(bf16 *tile, int row, int c) { return column_place<ROWS>(tile, row, c); }
};

// aligned_shared is the block's dynamic shared memory from the first multiple of 1,024 on: up to 1,023 bytes are left out.
DEVICE bf16 *aligned_shared() {
	char *p = (char *)dynamic_shared();
	return (bf16 *)(p + (-shared_address(p) & 1023));
}

// group_operand describes an operand that begins at `start`. leading: bytes between columns, where the elements along the rows or
// columns of the result are beside each other in memory (turned); without meaning where those that are summed over are.
DEVICE u64 group_operand(const bf16 *start, u32 leading) {
	const u64 eight_rows = 8 * GROUP_COLUMN * sizeof(bf16);
	return (u64)(shared_address(start) & 0x3ffff) >> 4 | (u64)(leading >> 4) << 16 | eight_rows >> 4 << 32 | (u64)1 << 62;
}
// group_step is an operand moved on by some elements from its start.
DEVICE u64 group_step(u64 operand, int elements) { return operand + ((u32)elements * sizeof(bf16) >> 4); }

#ifdef PRIMER_EMULATED
#include "emulate_warpgroup.h"
#else

DEVICE void group_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
DEVICE void group_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
DEVICE void fence_products() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
// group_wait waits for all but the n newest committed groups.
template <int newest> DEVICE void group_wait() { asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(newest) : "memory"); }
// hold keeps the compiler from moving what is done with sums and operands in registers across a product's begin or end.
template <int N> DEVICE void hold(float (&d)[N][4]) {
	_Pragma("unroll") for (int n = 0; n < N; n++) asm volatile("" : "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])::"memory");
}
template <int N> DEVICE void hold(u32 (&a)[N][4]) {
	_Pragma("unroll") for (int n = 0; n < N; n++) asm volatile("" : "+r"(a[n][0]), "+r"(a[n][1]), "+r"(a[n][2]), "+r"(a[n][3])::"memory");
}

#define FOUR(d, n) "+f"(d[n][0]), "+f"(d[n][1]), "+f"(d[n][2]), "+f"(d[n][3])
#define SUMS8(d) FOUR(d, 0), FOUR(d, 1), FOUR(d, 2), FOUR(d, 3), FOUR(d, 4), FOUR(d, 5), FOUR(d, 6), FOUR(d, 7)
#define SUMS16(d) SUMS8(d), FOUR(d, 8), FOUR(d, 9), FOUR(d, 10), FOUR(d, 11), FOUR(d, 12), FOUR(d, 13), FOUR(d, 14), FOUR(d, 15)
#define NAMES32 \
	"%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES64 \
	NAMES32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, " \
	        "%59, %60, %61, %62, %63"
#define GROUP_PRODUCT(n, names, add, operands) \
	"{\n.reg .pred p;\nsetp.ne.b32 p, " add ", 0;\nwgmma.mma_async.sync.aligned.m64n" n "k16.f32.bf16.bf16 {" names "}, " operands ";\n}"

// group_mma begins d (+)= a·b, 64 rows by 8·N columns over 16: a and b in shared memory, 16 elements of each row beside each other.
// add: to what d holds. Warp w of the group has rows 16w and on, its lanes have them as mma's do.
DEVICE void group_mma(float (&d)[8][4], u64 a, u64 b, bool add) {
	asm volatile(GROUP_PRODUCT("64", NAMES32, "%34", "%32, %33, p, 1, 1, 0, 0") : SUMS8(d) : "l"(a), "l"(b), "r"((int)add));
}
DEVICE void group_mma(float (&d)[16][4], u64 a, u64 b, bool add) {
	asm volatile(GROUP_PRODUCT("128", NAMES64, "%66", "%64, %65, p, 1, 1, 0, 0") : SUMS16(d) : "l"(a), "l"(b), "r"((int)add));
}
// group_mma_turned begins d (+)= a·b: a in registers as mma has it, b in shared memory with the elements of a column of d beside each
// other.
DEVICE void group_mma_turned(float (&d)[8][4], const u32 (&a)[4], u64 b, bool add) {
	asm volatile(GROUP_PRODUCT("64", NAMES32, "%37", "{%32, %33, %34, %35}, %36, p, 1, 1, 1")
	             : SUMS8(d) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)add));
}
DEVICE void group_mma_turned(float (&d)[16][4], const u32 (&a)[4], u64 b, bool add) {
	asm volatile(GROUP_PRODUCT("128", NAMES64, "%69", "{%64, %65, %66, %67}, %68, p, 1, 1, 1")
	             : SUMS16(d) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"((int)add));
}

#endif // PRIMER_EMULATED
#endif // WARPGROUPS
#endif
