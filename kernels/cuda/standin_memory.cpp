//go:build cuda && emulator

// Memory of the stand-in. Every allocation has pages of its own with pages without access on both sides, and ends (at times
// begins) where they begin: an access beside it stops the kernel. It is filled with NaN. What was freed is never accessible again,
// its addresses are not used again. The up to 63 bytes between an allocation and its page's end are looked at after every
// kernel.

#include "standin.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <sys/mman.h>

namespace standin {

namespace {

const size_t page = 4096, alignment = 64;
const int fill = 0xff;
// What is beside an allocation: signalling NaN, others for each, so that neither a copy from one place beside to another nor
// arithmetic leaves it as it is.
char beside(const char *p, char salt) { return (uintptr_t)p & 1 ? (char)0xff : salt; }

struct allocation {
	size_t bytes;
	char *pages;
	size_t room; // of the pages that may be touched
	char salt; // of what is beside it
	bool device;
};
std::map<uintptr_t, allocation> allocations; // by address
std::map<uintptr_t, size_t> freed;           // bytes, for messages
size_t live, live_bytes, made;               // of device memory and pinned memory together
size_t fail_at, fail_times; // allocations from the fail_at-th on fail, so many; the next one is the first, 0: none
size_t capacity = (size_t)8 << 30;

std::string number(size_t n) { return std::to_string(n); }

// The allocation that the address is in, or the nearest before it.
std::map<uintptr_t, allocation>::iterator nearest(uintptr_t address) {
	auto i = allocations.upper_bound(address);
	return i == allocations.begin() ? allocations.end() : --i;
}

std::string describe_address(const void *p) {
	const uintptr_t address = (uintptr_t)p;
	auto i = nearest(address);
	auto next = allocations.upper_bound(address);
	if (next != allocations.end() && next->first - address <= page && (i == allocations.end() || address >= i->first + i->second.bytes + page))
		return number(next->first - address) + " bytes before an allocation of " + number(next->second.bytes) + " bytes";
	auto old = freed.upper_bound(address);
	if (old != freed.begin() && address < (--old)->first + old->second) return "byte " + number(address - old->first) + " of a freed allocation of " + number(old->second) + " bytes";
	if (i == allocations.end() || address >= i->first + i->second.bytes + (1 << 20)) return "no allocation is near";
	const std::string of = "allocation of " + number(i->second.bytes) + " bytes";
	if (address < i->first + i->second.bytes) return "byte " + number(address - i->first) + " of an " + of;
	return number(address - i->first - i->second.bytes) + " bytes behind the end of an " + of;
}

CUresult allocate(size_t bytes, bool device, uintptr_t *address) {
	emulated::describe = describe_address;
	if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
	made++;
	if (fail_allocation() || bytes > capacity || (device && live_bytes + bytes > capacity)) return CUDA_ERROR_OUT_OF_MEMORY;
	const size_t room = (bytes + page - 1) / page * page;
	char *p = (char *)mmap(nullptr, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
	p += page;
	if (mprotect(p, room, PROT_READ | PROT_WRITE)) return CUDA_ERROR_OUT_OF_MEMORY;
	const size_t before = random_below(8) == 0 ? 0 : (room - bytes) / alignment * alignment;
	const char salt = (char)(0x81 + random_below(0x3f));
	for (size_t i = 0; i < room; i++)
		if (i == before) i += bytes - 1;
		else p[i] = beside(p + i, salt);
	memset(p + before, fill, bytes);
	*address = (uintptr_t)(p + before);
	allocations[*address] = {bytes, p, room, salt, device};
	live++, live_bytes += bytes;
	return CUDA_SUCCESS;
}

// Looks at so many bytes on each side.
bool beside_is_whole(uintptr_t address, const allocation &a, ptrdiff_t bytes, std::string *what) {
	const char *begin = (const char *)address, *end = begin + a.bytes, *last = a.pages + a.room;
	for (const char *p = begin - a.pages > bytes ? begin - bytes : a.pages; p < last && p < end + bytes; p++) {
		if (p == begin) p = end;
		if (p < last && *p != beside(p, a.salt)) {
			*what = "a write beside an allocation: " + describe_address(p);
			return false;
		}
	}
	return true;
}

CUresult release(uintptr_t address, bool device) {
	auto i = allocations.find(address);
	if (i == allocations.end() || i->second.device != device) return CUDA_ERROR_INVALID_VALUE;
	const allocation a = i->second;
	std::string what;
	const bool whole = beside_is_whole(address, a, (ptrdiff_t)page, &what);
	freed[address] = a.bytes, live--, live_bytes -= a.bytes;
	allocations.erase(i);
	mmap(a.pages, a.room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	return whole ? CUDA_SUCCESS : fail(CUDA_ERROR_ILLEGAL_ADDRESS, what);
}

bool in_range(uintptr_t address, size_t bytes, bool device) {
	auto i = nearest(address);
	return i != allocations.end() && i->second.device == device && address + bytes <= i->first + i->second.bytes;
}

// A copy or a fill on the device; ranges are looked at when it runs, which is when memory may have been freed.
CUresult move(void *to, const void *from, size_t bytes, const char *what, bool to_device, bool from_device) {
	std::string why;
	if (bytes == 0) return CUDA_SUCCESS;
	if ((to_device && !device_range((uintptr_t)to, bytes, &why)) || (from_device && !device_range((uintptr_t)from, bytes, &why)))
		return fail(CUDA_ERROR_ILLEGAL_ADDRESS, std::string(what) + " of " + number(bytes) + " bytes: " + why);
	memmove(to, from, bytes);
	return CUDA_SUCCESS;
}

CUresult copy_now(void *to, const void *from, size_t bytes, const char *what, bool to_device, bool from_device) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	if (!r) r = may_wait();
	if (!r) r = drain_blocking();
	return r ? r : move(to, from, bytes, what, to_device, from_device);
}

template <class T> CUresult set(CUdeviceptr to, T value, size_t n) {
	std::string why;
	if (to % sizeof(T) != 0) return fail(CUDA_ERROR_INVALID_VALUE, "a memset to an address that is no multiple of its element");
	if (!device_range(to, n * sizeof(T), &why)) return fail(CUDA_ERROR_ILLEGAL_ADDRESS, "a memset of " + number(n * sizeof(T)) + " bytes: " + why);
	for (size_t i = 0; i < n; i++) ((T *)to)[i] = value;
	return CUDA_SUCCESS;
}
template <class T> CUresult set_now(CUdeviceptr to, T value, size_t n) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	if (!r) r = may_wait();
	if (!r) r = drain_blocking();
	return r ? r : set(to, value, n);
}
template <class T> CUresult set_later(CUdeviceptr to, T value, size_t n, CUstream stream) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	return r ? r : issue(stream, [=] { return set(to, value, n); });
}

} // namespace

bool device_range(uintptr_t address, size_t bytes, std::string *what) {
	if (in_range(address, bytes, true)) return true;
	*what = describe_address((const void *)address);
	return false;
}
bool pinned_range(const void *p, size_t bytes) { return in_range((uintptr_t)p, bytes, false); }

bool fail_allocation() {
	if (fail_at == 0) return false;
	if (fail_at > 1) {
		fail_at--;
		return false;
	}
	if (--fail_times == 0) fail_at = 0;
	return true;
}

void release_all() {
	while (!allocations.empty()) release(allocations.begin()->first, allocations.begin()->second.device);
}
CUresult check_beside(const std::string &after) {
	std::string what;
	for (auto &i : allocations)
		if (!beside_is_whole(i.first, i.second, alignment, &what)) return fail(CUDA_ERROR_ILLEGAL_ADDRESS, after + ": " + what);
	return CUDA_SUCCESS;
}

CUresult cuMemAlloc(CUdeviceptr *p, size_t bytes) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	if (!r) r = may_allocate();
	uintptr_t address = 0;
	if (!r) r = allocate(bytes, true, &address);
	*p = address;
	return r;
}
CUresult cuMemFree(CUdeviceptr p) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	if (!r) r = may_allocate();
	if (!r && p != 0) r = drain_all();
	return r || p == 0 ? r : release(p, true);
}
CUresult cuMemAllocFromPoolAsync(CUdeviceptr *p, size_t bytes, CUmemoryPool, CUstream stream) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	if (!r && captures(stream)) r = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	uintptr_t address = 0;
	if (!r) r = allocate(bytes, true, &address);
	*p = address;
	return r;
}
CUresult cuMemAllocAsync(CUdeviceptr *p, size_t bytes, CUstream stream) { return standin::cuMemAllocFromPoolAsync(p, bytes, nullptr, stream); }
CUresult cuMemFreeAsync(CUdeviceptr p, CUstream stream) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	if (!r && captures(stream)) r = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	return r ? r : issue(stream, [=] { return release(p, true); });
}
CUresult cuMemGetInfo(size_t *free, size_t *total) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	*total = capacity, *free = capacity - live_bytes;
	return ready();
}
CUresult cuMemHostAlloc(void **p, size_t bytes, unsigned) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	uintptr_t address = 0;
	if (!r) r = allocate(bytes, false, &address);
	*p = (void *)address;
	return r;
}
CUresult cuMemAllocHost(void **p, size_t bytes) { return standin::cuMemHostAlloc(p, bytes, 0); }
CUresult cuMemFreeHost(void *p) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	if (!r) r = drain_all();
	return r ? r : release((uintptr_t)p, false);
}

CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t n) { return copy_now((void *)to, from, n, "a copy to the device", true, false); }
CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t n) { return copy_now(to, (void *)from, n, "a copy from the device", false, true); }
CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t n) { return copy_now((void *)to, (void *)from, n, "a copy on the device", true, true); }

// From pinned memory the bytes are read late; of other memory the driver takes a copy at once.
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t n, CUstream stream) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	if (r) return r;
	if (pinned_range(from, n)) return issue(stream, [=] { return move((void *)to, from, n, "a copy to the device", true, false); });
	if (captures(stream)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	auto bytes = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + n);
	return issue(stream, [=] { return move((void *)to, bytes->data(), n, "a copy to the device", true, false); });
}
// Into pinned memory the bytes come late; with other memory the driver waits for them.
CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t n, CUstream stream) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	const bool late = pinned_range(to, n);
	if (!r && !late && captures(stream)) r = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
	if (!r) r = issue(stream, [=] { return move(to, (void *)from, n, "a copy from the device", false, true); });
	return r || late ? r : drain(stream);
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream stream) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	CUresult r = ready();
	return r ? r : issue(stream, [=] { return move((void *)to, (void *)from, n, "a copy on the device", true, true); });
}

CUresult cuMemsetD8(CUdeviceptr to, unsigned char x, size_t n) { return set_now(to, x, n); }
CUresult cuMemsetD16(CUdeviceptr to, unsigned short x, size_t n) { return set_now(to, x, n); }
CUresult cuMemsetD32(CUdeviceptr to, unsigned x, size_t n) { return set_now(to, x, n); }
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char x, size_t n, CUstream stream) { return set_later(to, x, n, stream); }
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short x, size_t n, CUstream stream) { return set_later(to, x, n, stream); }
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned x, size_t n, CUstream stream) { return set_later(to, x, n, stream); }

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice) {
	*pool = (CUmemoryPool)&allocations;
	return CUDA_SUCCESS;
}
CUresult cuMemPoolSetAttribute(CUmemoryPool, CUmemPool_attribute a, void *) { return a == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED; }
CUresult cuMemPoolTrimTo(CUmemoryPool, size_t) { return CUDA_SUCCESS; }

std::vector<function> memory_functions() {
	return {ENTRY(cuMemAlloc), ENTRY(cuMemFree), ENTRY(cuMemAllocAsync), ENTRY(cuMemAllocFromPoolAsync), ENTRY(cuMemFreeAsync), ENTRY(cuMemGetInfo),
	        ENTRY(cuMemHostAlloc), ENTRY(cuMemAllocHost), ENTRY(cuMemFreeHost), ENTRY(cuMemcpyHtoD), ENTRY(cuMemcpyDtoH), ENTRY(cuMemcpyDtoD),
	        ENTRY(cuMemcpyHtoDAsync), ENTRY(cuMemcpyDtoHAsync), ENTRY(cuMemcpyDtoDAsync), ENTRY(cuMemsetD8), ENTRY(cuMemsetD16), ENTRY(cuMemsetD32),
	        ENTRY(cuMemsetD8Async), ENTRY(cuMemsetD16Async), ENTRY(cuMemsetD32Async), ENTRY(cuDeviceGetDefaultMemPool), ENTRY(cuMemPoolSetAttribute),
	        ENTRY(cuMemPoolTrimTo)};
}

} // namespace standin


#include "standin_go.h"

void primer_standin_fail_allocation(size_t n, size_t times) {
	std::lock_guard<std::recursive_mutex> lock(standin::driver);
	standin::fail_at = n, standin::fail_times = times;
}
void primer_standin_memory(size_t *live, size_t *bytes, size_t *made) {
	std::lock_guard<std::recursive_mutex> lock(standin::driver);
	*live = standin::live, *bytes = standin::live_bytes, *made = standin::made;
}
void *primer_standin_pinned(size_t bytes) {
	void *p = nullptr;
	return standin::cuMemHostAlloc(&p, bytes, 0) ? nullptr : p;
}
int primer_standin_pinned_free(void *p) { return standin::cuMemFreeHost(p); }
