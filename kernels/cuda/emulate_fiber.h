// A fiber is a stack and, while it does not run, the place at which it goes on. On x86-64 a switch is seven pushes and pops;
// elsewhere ucontext does it, with a system call each time.
#ifndef PRIMER_EMULATE_FIBER
#define PRIMER_EMULATE_FIBER

#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)

struct fiber {
	void *sp;
};
extern "C" __attribute__((visibility("hidden"))) void primer_fiber_switch(fiber *from, fiber *to);

// fiber_start makes the fiber call entry() on its stack when it is switched to. entry never returns.
inline void fiber_start(fiber *f, char *stack, size_t size, void (*entry)()) {
	void **top = (void **)((uintptr_t)(stack + size) & ~(uintptr_t)15);
	*--top = nullptr;       // entry's return address: the alignment that a call leaves
	*--top = (void *)entry; // what the switch returns to
	top -= 6;               // the registers it pops
	for (int i = 0; i < 6; i++) top[i] = nullptr;
	f->sp = top;
}
inline void fiber_switch(fiber *from, fiber *to) { primer_fiber_switch(from, to); }

#else

#include <ucontext.h>

struct fiber {
	ucontext_t context;
};
inline void fiber_start(fiber *f, char *stack, size_t size, void (*entry)()) {
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = stack, f->context.uc_stack.ss_size = size, f->context.uc_link = nullptr;
	makecontext(&f->context, entry, 0);
}
inline void fiber_switch(fiber *from, fiber *to) { swapcontext(&from->context, &to->context); }

#endif

#endif
