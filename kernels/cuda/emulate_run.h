// What the parts of the emulator share: emulate.cpp (launches and the order of threads), emulate_fault.cpp (addresses),
// emulate_warp.cpp (what lanes exchange), emulate_async.cpp (asynchronous copies), emulate_group.cpp (products of warpgroups). The stand-in driver calls launch and seed.
#ifndef PRIMER_EMULATE_RUN
#define PRIMER_EMULATE_RUN

#include <string>
#include <vector>

#include "prims.cuh"
#include "emulate_fiber.h"

namespace emulated {

const int most_threads = 1024, lanes = 32;
const size_t most_shared = 227 << 10; // of sm_90; sm_80 has 163 KiB

// A copy under way.
struct copy {
	char *to;
	const char *from;
	int group;
	bool valid, read; // read: the source has been read already
	char bytes[16];
};

struct fiber_thread : thread {
	fiber context;
	char *stack;
	int groups; // committed by this thread
	std::vector<copy> copies;
	std::vector<const char *> unfenced; // where it copied to, unseen by products until its fence_products
};

// Launch runs the kernel to its end. False: it failed, and what holds the reason.
HIDDEN const kernel *find(const std::string &name);
HIDDEN const kernel *all(); // the first; next leads on
HIDDEN bool launch(const kernel *k, dims grid, dims threads, size_t shared, const void *args, std::string *what);
// checked_launch refuses what no device takes, and arguments of another size than the struct of the kernel; one at a time.
HIDDEN bool checked_launch(const kernel *k, dims grid, dims threads, size_t shared, const void *args, size_t args_size, std::string *what);
HIDDEN void seed(u64 value);
HIDDEN u64 random_bits();
inline u32 random_below(u32 n) { return (u32)((random_bits() >> 32) * n >> 32); }

// stop ends the launch with a message; of a thread's own doing it adds where the thread is.
[[noreturn]] HIDDEN void stop(const std::string &what);
HIDDEN std::string place(const thread *t);
HIDDEN bool in_shared(const void *p, size_t size);

HIDDEN void exchange_lanes(fiber_thread *warp, meeting at);
HIDDEN void land_some(fiber_thread *t);
// Products of warpgroups; group_start forgets what a block before left.
HIDDEN void group_start();
HIDDEN void group_meeting(fiber_thread *warp, int number, meeting at);
HIDDEN void forget_fences();
HIDDEN bool fenced(const void *p); // no copy to these 16 bytes waits for a fence

// Faults. watch_faults takes SIGSEGV and SIGBUS over and hands on what is not a kernel's; describe tells what an address is.
HIDDEN void watch_faults();
extern HIDDEN std::string (*describe)(const void *address);
HIDDEN bool kernel_runs(); // on the calling thread of the operating system
[[noreturn]] HIDDEN void stop_at_fault(const void *address);

} // namespace emulated

#endif
