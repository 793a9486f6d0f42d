//go:build cuda && emulator

// Addresses that a kernel may not touch. Memory of the stand-in driver, shared memory and stacks end at pages without access: a
// signal comes, whose handler sends the thread on to a function that stops the launch. Other signals go to whom they went before
// (Go's runtime).

#include "emulate_run.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ucontext.h>

namespace emulated {

std::string (*describe)(const void *address);

namespace {

struct sigaction before_segv, before_bus;
const void *fault_address;
alignas(16) char fault_stack[64 << 10]; // the thread's own may be what overflowed

void at_fault() { stop_at_fault(fault_address); }

void hand_on(int number, siginfo_t *info, void *context) {
	struct sigaction &before = number == SIGSEGV ? before_segv : before_bus;
	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(number, info, context);
	} else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(number);
	} else {
		sigaction(number, &before, nullptr); // the instruction runs again, and the process ends
	}
}

void on_signal(int number, siginfo_t *info, void *context) {
	if (!kernel_runs()) return hand_on(number, info, context);
#if defined(__x86_64__)
	fault_address = info->si_addr;
	ucontext_t *c = (ucontext_t *)context;
	c->uc_mcontext.gregs[REG_RSP] = (greg_t)(fault_stack + sizeof fault_stack - 8); // as after a call
	c->uc_mcontext.gregs[REG_RIP] = (greg_t)at_fault;
#else
	fprintf(stderr, "emulator: a kernel touched %p\n", info->si_addr);
	abort();
#endif
}

} // namespace

void watch_faults() {
	struct sigaction a = {};
	a.sa_sigaction = on_signal;
	a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER;
	sigfillset(&a.sa_mask);
	sigdelset(&a.sa_mask, SIGSEGV), sigdelset(&a.sa_mask, SIGBUS);
	sigaction(SIGSEGV, &a, &before_segv);
	sigaction(SIGBUS, &a, &before_bus);
}

void stop_at_fault(const void *address) {
	char text[64];
	snprintf(text, sizeof text, "no access to address %p", address);
	std::string what = text;
	if (describe && address) what += " (" + describe(address) + ")";
	if (!address) what += " (or a vector at an address that is not a multiple of its size)";
	const std::string last = now->line ? ", after " + place(now) : ", " + place(now);
	stop(what + last);
}

void aligned16(const void *p, int line, const char *file) {
	if (((uintptr_t)p & 15) == 0) return;
	now->line = line, now->file = file;
	char text[64];
	snprintf(text, sizeof text, "16 bytes at address %p, no multiple of 16: ", p);
	stop(text + place(now));
}

void at_atomic(const void *p, size_t size, int line, const char *file) {
	if ((uintptr_t)p % size == 0) return;
	now->line = line, now->file = file;
	stop("an atomic at an address that is no multiple of its size: " + place(now));
}

} // namespace emulated
