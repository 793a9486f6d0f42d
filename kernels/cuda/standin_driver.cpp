//go:build cuda && emulator

// Devices, contexts, modules and launches of the stand-in: two devices that say they are Hopper's, with few multiprocessors, so
// that grids that loop over their work do loop. All memory is one, as if each device reached the other's.

#include "standin.h"
#include "standin_go.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

namespace standin {

std::recursive_mutex driver;
CUresult sticky;
std::string sticky_text;

namespace {

const int devices = 2;
const size_t default_shared = 48 << 10;

struct context {
	int device;
	int users;
};
context primary[devices] = {{0, 0}, {1, 0}};
thread_local context *current;
bool begun;

// A kernel of a module, with what may be set for it.
struct loaded {
	const emulated::kernel *kernel;
	size_t shared = default_shared - (1 << 10); // a block's own variables are part of what it has without asking
};
struct module {
	std::vector<std::unique_ptr<loaded>> functions;
};
std::set<module *> modules;
std::set<loaded *> functions;

bool known(context *c) { return c == &primary[0] || c == &primary[1]; }

CUresult code_of(const std::string &what) {
	if (what.find("no access") != std::string::npos || what.find("a write") != std::string::npos) return CUDA_ERROR_ILLEGAL_ADDRESS;
	if (what.find("multiple of") != std::string::npos) return CUDA_ERROR_MISALIGNED_ADDRESS;
	return CUDA_ERROR_LAUNCH_FAILED;
}

} // namespace

CUresult fail(CUresult code, const std::string &what) {
	if (!sticky) {
		sticky = code, sticky_text = what;
		fprintf(stderr, "stand-in driver: %s\n", what.c_str());
	}
	return sticky;
}
CUresult ready() {
	if (!begun) return CUDA_ERROR_NOT_INITIALIZED;
	if (!current || current->users == 0) return CUDA_ERROR_INVALID_CONTEXT;
	return sticky;
}

CUresult cuInit(unsigned flags) {
	begun = true;
	return flags ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
CUresult cuDriverGetVersion(int *version) {
	*version = CUDA_VERSION;
	return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int *n) {
	*n = devices;
	return begun ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}
CUresult cuDeviceGet(CUdevice *device, int ordinal) {
	*device = ordinal;
	return ordinal >= 0 && ordinal < devices ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}
CUresult cuDeviceGetName(char *name, int size, CUdevice) {
	snprintf(name, size, "stand-in (the emulator)");
	return CUDA_SUCCESS;
}
CUresult cuDeviceTotalMem(size_t *bytes, CUdevice) {
	*bytes = (size_t)8 << 30;
	return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute a, CUdevice device) {
	if (device < 0 || device >= devices) return CUDA_ERROR_INVALID_DEVICE;
	switch (a) {
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = 9; break;
	case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = 0; break;
	case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 3; break;
	case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = emulated::lanes; break;
	case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = emulated::most_threads; break;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: *value = default_shared; break;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN: *value = emulated::most_shared; break;
	case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: *value = 228 << 10; break;
	case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: *value = 1; break;
	case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING: *value = 1; break;
	case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE: *value = 50 << 20; break;
	default: return CUDA_ERROR_INVALID_VALUE;
	}
	return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *c, CUdevice device) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (!begun) return CUDA_ERROR_NOT_INITIALIZED;
	if (device < 0 || device >= devices) return CUDA_ERROR_INVALID_DEVICE;
	primary[device].users++;
	*c = (CUcontext)&primary[device];
	return CUDA_SUCCESS;
}
// With the last user goes all that is queued; after a failure, what had failed, and the memory that nobody could free any more.
CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (device < 0 || device >= devices || primary[device].users == 0) return CUDA_ERROR_INVALID_CONTEXT;
	if (--primary[device].users > 0 || primary[1 - device].users > 0) return CUDA_SUCCESS;
	if (sticky) release_all();
	primer_standin_clear();
	return CUDA_SUCCESS;
}
CUresult cuCtxSetCurrent(CUcontext c) {
	if (c && !known((context *)c)) return CUDA_ERROR_INVALID_CONTEXT;
	current = (context *)c;
	return CUDA_SUCCESS;
}
CUresult cuCtxGetCurrent(CUcontext *c) {
	*c = (CUcontext)current;
	return CUDA_SUCCESS;
}
CUresult cuCtxGetDevice(CUdevice *device) {
	if (!current) return CUDA_ERROR_INVALID_CONTEXT;
	*device = current->device;
	return CUDA_SUCCESS;
}

// An image is what the stand-in's NVRTC made: a first line, then the names of kernels, a line each.
CUresult cuModuleLoadData(CUmodule *m, const void *image) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (CUresult r = ready()) return r;
	if (strncmp((const char *)image, image_magic, strlen(image_magic)) != 0) return CUDA_ERROR_INVALID_IMAGE;
	if (fail_allocation()) return CUDA_ERROR_OUT_OF_MEMORY;
	std::unique_ptr<module> made(new module);
	const char *line = (const char *)image + strlen(image_magic);
	for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
		const size_t prefix = strlen(code_section);
		const emulated::kernel *k = strncmp(line, code_section, prefix) == 0 ? emulated::find(std::string(line + prefix, end)) : nullptr;
		if (!k) return CUDA_ERROR_INVALID_IMAGE;
		made->functions.emplace_back(new loaded{k});
	}
	if (strcmp(line, "end") != 0) return CUDA_ERROR_INVALID_IMAGE;
	for (auto &f : made->functions) functions.insert(f.get());
	modules.insert(made.get());
	*m = (CUmodule)made.release();
	return CUDA_SUCCESS;
}
CUresult cuModuleLoadDataEx(CUmodule *m, const void *image, unsigned, CUjit_option *, void **) { return standin::cuModuleLoadData(m, image); }
CUresult cuModuleUnload(CUmodule m) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (CUresult r = ready()) return r;
	if (!modules.erase((module *)m)) return CUDA_ERROR_INVALID_HANDLE;
	for (auto &f : ((module *)m)->functions) functions.erase(f.get());
	delete (module *)m;
	return CUDA_SUCCESS;
}
CUresult cuModuleGetFunction(CUfunction *f, CUmodule m, const char *name) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (CUresult r = ready()) return r;
	if (!modules.count((module *)m)) return CUDA_ERROR_INVALID_HANDLE;
	for (auto &have : ((module *)m)->functions) {
		if (strcmp(have->kernel->name, name) != 0) continue;
		*f = (CUfunction)have.get();
		return CUDA_SUCCESS;
	}
	return CUDA_ERROR_NOT_FOUND;
}
CUresult cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int value) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (CUresult r = ready()) return r;
	if (!functions.count((loaded *)f)) return CUDA_ERROR_INVALID_HANDLE;
	if (a == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) return CUDA_SUCCESS;
	if (a != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 || (size_t)value > emulated::most_shared) return CUDA_ERROR_INVALID_VALUE;
	((loaded *)f)->shared = value;
	return CUDA_SUCCESS;
}
CUresult cuFuncGetAttribute(int *value, CUfunction_attribute a, CUfunction f) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (CUresult r = ready()) return r;
	if (!functions.count((loaded *)f)) return CUDA_ERROR_INVALID_HANDLE;
	if (a == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) *value = ((loaded *)f)->kernel->threads;
	else if (a == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) *value = (int)((loaded *)f)->shared;
	else return CUDA_ERROR_INVALID_VALUE;
	return CUDA_SUCCESS;
}

namespace {

// The arguments as bytes: a buffer with its size, or one parameter, whose size is believed.
CUresult take_arguments(const loaded *f, void **parameters, void **extra, std::vector<char> *bytes) {
	const size_t want = f->kernel->args;
	if (parameters) {
		if (extra) return CUDA_ERROR_INVALID_VALUE;
		bytes->assign((char *)parameters[0], (char *)parameters[0] + want);
		return CUDA_SUCCESS;
	}
	const char *buffer = nullptr;
	size_t size = 0;
	for (; extra && *extra != CU_LAUNCH_PARAM_END; extra += 2) {
		if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) buffer = (const char *)extra[1];
		else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE) size = *(size_t *)extra[1];
		else return CUDA_ERROR_INVALID_VALUE;
	}
	if (!buffer || size != want) {
		fprintf(stderr, "stand-in driver: %s: arguments of %zu bytes, the kernel's struct has %zu\n", f->kernel->name, size, want);
		return CUDA_ERROR_INVALID_VALUE;
	}
	bytes->assign(buffer, buffer + size);
	return CUDA_SUCCESS;
}

} // namespace

CUresult cuLaunchKernel(CUfunction handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream stream, void **parameters, void **extra) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (CUresult r = ready()) return r;
	loaded *f = (loaded *)handle;
	if (!functions.count(f)) return CUDA_ERROR_INVALID_HANDLE;
	if (gx == 0 || gx > 0x7fffffff || gy == 0 || gy > 65535 || gz == 0 || gz > 65535) return CUDA_ERROR_INVALID_VALUE;
	if ((uint64_t)bx * by * bz == 0 || shared > f->shared) return CUDA_ERROR_INVALID_VALUE;
	if ((uint64_t)bx * by * bz > (uint64_t)f->kernel->threads) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
	auto arguments = std::make_shared<std::vector<char>>();
	if (CUresult r = take_arguments(f, parameters, extra, arguments.get())) return r;
	const emulated::kernel *k = f->kernel;
	return issue(stream, [=] {
		std::string what;
		if (emulated::checked_launch(k, {gx, gy, gz}, {bx, by, bz}, shared, arguments->data(), arguments->size(), &what)) return check_beside(k->name);
		return fail(code_of(what), what);
	});
}

// The text of what sticks names the kernel and the thread.
CUresult cuGetErrorName(CUresult code, const char **name) {
	switch (code) {
	case CUDA_ERROR_OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
	case CUDA_ERROR_ILLEGAL_ADDRESS: *name = "CUDA_ERROR_ILLEGAL_ADDRESS"; break;
	case CUDA_ERROR_MISALIGNED_ADDRESS: *name = "CUDA_ERROR_MISALIGNED_ADDRESS"; break;
	case CUDA_ERROR_LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
	default: *name = "CUDA_ERROR"; break;
	}
	return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult code, const char **text) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	*text = code == sticky && code ? sticky_text.c_str() : code == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : "the stand-in driver refuses this";
	return CUDA_SUCCESS;
}

std::vector<function> driver_functions() {
	return {ENTRY(cuInit), ENTRY(cuDriverGetVersion), ENTRY(cuDeviceGetCount), ENTRY(cuDeviceGet), ENTRY(cuDeviceGetName), ENTRY(cuDeviceTotalMem),
	        ENTRY(cuDeviceGetAttribute), ENTRY(cuDevicePrimaryCtxRetain), ENTRY(cuDevicePrimaryCtxRelease), ENTRY(cuCtxSetCurrent), ENTRY(cuCtxGetCurrent),
	        ENTRY(cuCtxGetDevice), ENTRY(cuModuleLoadData), ENTRY(cuModuleLoadDataEx), ENTRY(cuModuleUnload), ENTRY(cuModuleGetFunction),
	        ENTRY(cuFuncSetAttribute), ENTRY(cuFuncGetAttribute), ENTRY(cuLaunchKernel), ENTRY(cuGetErrorName), ENTRY(cuGetErrorString)};
}

} // namespace standin

const char *primer_standin_failure() {
	std::lock_guard<std::recursive_mutex> lock(standin::driver);
	return standin::sticky ? standin::sticky_text.c_str() : "";
}
void primer_standin_clear() {
	std::lock_guard<std::recursive_mutex> lock(standin::driver);
	standin::forget_queues();
	standin::sticky = CUDA_SUCCESS, standin::sticky_text.clear();
}

int primer_standin_launch(uintptr_t function, uintptr_t stream, unsigned blocks, unsigned threads, unsigned shared, const void *args, size_t size) {
	void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, (void *)args, CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
	return standin::cuLaunchKernel((CUfunction)function, blocks, 1, 1, threads, 1, 1, shared, (CUstream)stream, nullptr, extra);
}
const char *primer_standin_function(int library, int i, uintptr_t *address) {
	static const std::vector<standin::function> tables[3] = {[] {
		std::vector<standin::function> all = standin::driver_functions();
		for (const auto &f : standin::memory_functions()) all.push_back(f);
		for (const auto &f : standin::queue_functions()) all.push_back(f);
		return all;
	}(), standin::nvrtc_functions(), standin::blas_functions()};
	if (i >= (int)tables[library].size()) return nullptr;
	*address = (uintptr_t)tables[library][i].address;
	return tables[library][i].name;
}
