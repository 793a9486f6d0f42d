#include "host.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t xgetbv(void) {
	uint32_t lo, hi;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

// all reports whether every bit of mask is set in x.
static int all(uint64_t x, uint64_t mask) { return (x & mask) == mask; }

int host_isa(void) {
	uint32_t a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d)) return ISA_GENERIC;
	if (!all(c, bit_FMA | bit_OSXSAVE | bit_AVX | bit_F16C)) return ISA_GENERIC;
	uint64_t saved = xgetbv();
	if (!all(saved, 0x6) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return ISA_GENERIC; // xmm, ymm
	if (!all(b, bit_AVX2 | bit_BMI2)) return ISA_GENERIC;
	if (!all(saved, 0xe6)) return ISA_AVX2; // opmask, upper zmm, zmm 16-31
	if (!all(b, bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL | bit_AVX512CD)) return ISA_AVX2;
	if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & 1u << 5)) return ISA_AVX512; // AVX512_BF16
	return ISA_AVX512BF16;
}
#else
int host_isa(void) { return ISA_GENERIC; }
#endif

enum { HUGE = 2 << 20 };

// mapped returns the length of the mapping that holds size bytes.
static size_t mapped(size_t size) {
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (size + page - 1) / page * page;
}

void *host_alloc(size_t size) {
	size_t len = mapped(size), extra = size >= 2 * HUGE ? HUGE : 0;
	char *p = mmap(NULL, len + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) return NULL;
	if (extra) { // cut the ends off, so that the first byte begins a huge page
		size_t head = (HUGE - (uintptr_t)p % HUGE) % HUGE;
		if (head) munmap(p, head);
		p += head;
		if (extra > head) munmap(p + len, extra - head);
		madvise(p, len, MADV_HUGEPAGE); // advice: without it everything works, only slower
	}
	ASAN_POISON_MEMORY_REGION(p + size, len - size);
	return p;
}

void host_free(void *addr, size_t size) {
	ASAN_UNPOISON_MEMORY_REGION(addr, mapped(size));
	munmap(addr, mapped(size));
}
