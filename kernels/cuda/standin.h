// A driver for tests, whose device is the emulator: standin_driver.cpp (devices, contexts, modules, launches),
// standin_memory.cpp, standin_queue.cpp (streams, events, graphs), standin_nvrtc.cpp and standin_blas.cpp. Functions have the names and
// signatures of cuda.h (checked there). What is not here is refused: its slot says CUDA_ERROR_NOT_FOUND.
//
// It is as unhelpful as a driver may be: work runs at the last moment or at a random one, so that a host that does not wait
// reads what was there before; a call without a current context fails; a failure of a kernel sticks.
#ifndef PRIMER_STANDIN
#define PRIMER_STANDIN

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#include <cuda.h>

#include "emulate_run.h"

namespace standin {

using emulated::random_below;

struct function {
	const char *name;
	void *address;
};
#define ENTRY_NAME(f) #f
// An entry of the driver's table, when the function here has the type that cuda.h declares.
#define ENTRY(f) checked_entry<decltype(&::f), decltype(&standin::f)>(ENTRY_NAME(f), (void *)standin::f)
template <class Want, class Have> function checked_entry(const char *name, void *address) {
	static_assert(std::is_same_v<Want, Have>, "another signature than in cuda.h");
	return {name, address};
}
std::vector<function> driver_functions(), memory_functions(), queue_functions(), nvrtc_functions(), blas_functions();

extern std::recursive_mutex driver; // held by every call

// What sticks: the first failure of work on the device, until its context is destroyed or reset.
extern CUresult sticky;
extern std::string sticky_text;
CUresult fail(CUresult code, const std::string &what); // makes it stick; the text goes to stderr too
CUresult ready();                                      // an error: no current context, or what sticks

// Work on a stream. issue puts it into the stream's queue, or on its graph while it captures; it runs when somebody waits for the
// stream, or by chance earlier.
typedef std::function<CUresult()> work;
CUresult issue(CUstream stream, work w);
bool captures(CUstream stream);
// The host waits, and is counted.
CUresult drain(CUstream stream); // all of a stream's work is done
CUresult drain_all();
CUresult drain_blocking(); // all that a call without a stream waits for
CUresult may_wait();       // an error while a stream captures that such a call would wait for
CUresult may_allocate();   // an error while a stream captures that forbids it
void forget_queues();      // what is queued is dropped, as when a context goes

// Memory.
bool device_range(uintptr_t address, size_t bytes, std::string *what); // within one allocation
bool pinned_range(const void *p, size_t bytes);
void release_all();
CUresult check_beside(const std::string &after); // nothing was written beside an allocation

bool fail_allocation(); // it is the one that was to fail

extern const char image_magic[];  // the first line of a module
extern const char code_section[]; // what stands before a kernel's name in it, as in a cubin

} // namespace standin

#endif
