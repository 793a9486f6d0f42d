// A static libcuda.a without a driver in it: every function of cuda.h is a jump through a slot. A program links it in place of
// the driver's library, so that it starts where there is no driver, and fills the slots once it has found one.
//
// names.inc, which the generator beside this writes from cuda.h, has NAME(i, function) for i = 0, 1, …
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "shim.h"

// Until the slots are filled: cuInit says all is well, since a binding that calls it when the program starts may end the
// program otherwise; every other function says that it was not found (CUDA_ERROR_NOT_FOUND).
__attribute__((used)) static int ready(void) { return 0; }
__attribute__((used)) static int absent(void) { return 500; }

enum {
#define NAME(i, function) slot_##function = i,
#include "names.inc"
#undef NAME
	slots
};

static const char *const names[slots] = {
#define NAME(i, function) [i] = #function,
#include "names.inc"
#undef NAME
};

__attribute__((visibility("hidden"))) void *primer_cuda_slots[slots] = {
#define NAME(i, function) [i] = (i) == slot_cuInit ? (void *)ready : (void *)absent,
#include "names.inc"
#undef NAME
};

// The jumps leave every register but a scratch one as it was, so that they fit a function of any type.
#if defined(__x86_64__)
#define JUMP(i) "	jmp *primer_cuda_slots+8*" #i "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(i) \
	"	adrp x16, primer_cuda_slots+8*" #i "\n" \
	"	ldr x16, [x16, :lo12:primer_cuda_slots+8*" #i "]\n" \
	"	br x16\n"
#else
#error "the shim of CUDA's driver knows x86-64 and 64-bit ARM"
#endif
#define NAME(i, function) \
	__asm__(".text\n.p2align 4\n.globl " #function "\n.type " #function ", %function\n" #function ":\n" JUMP(i) ".size " #function ", .-" #function "\n");
#include "names.inc"
#undef NAME

const char primer_cuda_folder[] = PRIMER_CUDA_FOLDER;

const char *primer_cuda_open(const char *const *libraries) {
	const char *problem = "no library was named";
	for (; *libraries; libraries++) {
		void *library = dlopen(*libraries, RTLD_NOW | RTLD_LOCAL);
		if (!library) {
			problem = dlerror();
			continue;
		}
		for (int i = 0; i < slots; i++) {
			void *function = dlsym(library, names[i]);
			if (function) primer_cuda_slots[i] = function; // an older driver lacks some: those stay absent
		}
		return NULL;
	}
	return problem;
}

int primer_cuda_fill(const char *name, void *function) {
	for (int i = 0; i < slots; i++) {
		if (strcmp(names[i], name) == 0) {
			primer_cuda_slots[i] = function;
			return 1;
		}
	}
	return 0;
}
