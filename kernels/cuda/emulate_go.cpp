//go:build cuda && emulator

// The emulator as Go sees it, with the checks of a launch.

#include "emulate_go.h"
#include "emulate_run.h"

#include <cstdio>
#include <mutex>

using namespace emulated;

namespace emulated {

std::mutex one_launch;

bool checked_launch(const kernel *k, dims grid, dims size, size_t shared, const void *args, size_t args_size, std::string *what) {
	const u64 threads = (u64)size.x * size.y * size.z;
	*what = "";
	if (args_size != k->args) *what = "arguments of " + std::to_string(args_size) + " bytes, the kernel's struct has " + std::to_string(k->args);
	else if (threads == 0 || threads > (u64)k->threads) *what = std::to_string(threads) + " threads a block, the kernel was built for at most " + std::to_string(k->threads);
	else if (grid.x == 0 || grid.x > 0x7fffffff || grid.y == 0 || grid.y > 65535 || grid.z == 0 || grid.z > 65535) *what = "a grid that no device takes";
	else if (shared > most_shared) *what = std::to_string(shared) + " bytes of dynamic shared memory";
	if (!what->empty()) {
		*what = std::string(k->name) + ": " + *what;
		return false;
	}
	std::lock_guard<std::mutex> lock(one_launch);
	return launch(k, grid, size, shared, args, what);
}

} // namespace emulated

int primer_emulate(const char *name, const unsigned *grid, const unsigned *block, size_t shared, const void *args, size_t args_size, char *text, size_t text_size) {
	std::string what;
	const kernel *k = find(name);
	if (!k) what = std::string("no kernel ") + name;
	else if (checked_launch(k, {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, shared, args, args_size, &what)) return 0;
	snprintf(text, text_size, "%s", what.c_str());
	return 1;
}

void primer_emulate_seed(unsigned long long value) { seed(value); }

const char *primer_emulate_kernel(int i, const char **file, unsigned long long *launches) {
	const kernel *k = all();
	for (; k && i > 0; i--) k = k->next;
	if (!k) return nullptr;
	*file = k->file, *launches = k->launches;
	return k->name;
}
