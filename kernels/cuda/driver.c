//go:build cuda

#include "driver.h"

#include <cuda.h>
#include <stdio.h>

int driver_init(void) { return cuInit(0); }

void driver_error(int error, char *out, size_t size) {
	const char *name = NULL, *text = NULL;
	if (cuGetErrorName((CUresult)error, &name) || !name) name = "CUDA error";
	if (cuGetErrorString((CUresult)error, &text) || !text) text = "no text";
	snprintf(out, size, "%s (%d): %s", name, error, text);
}

static CUresult enter(driver_queue q) { return cuCtxSetCurrent((CUcontext)q.context); }

int driver_launch(driver_queue q, uintptr_t function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned shared, uintptr_t args, size_t size) {
	CUresult r = enter(q);
	if (r) return r;
	// With its size given, the parameter is copied as a whole, and a struct of another size is refused.
	void *parameter[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, (void *)args, CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
	return cuLaunchKernel((CUfunction)function, x, y, z, threads, 1, 1, shared, (CUstream)q.stream, NULL, parameter);
}

int driver_set_shared(driver_queue q, uintptr_t function, int bytes) {
	CUresult r = enter(q);
	return r ? r : cuFuncSetAttribute((CUfunction)function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
}

int driver_pool(int device, uintptr_t *pool) {
	CUmemoryPool p = NULL;
	CUresult r = cuDeviceGetDefaultMemPool(&p, device);
	if (r) return r;
	cuuint64_t keep = ~(cuuint64_t)0;
	*pool = (uintptr_t)p;
	return cuMemPoolSetAttribute(p, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep);
}

int driver_pool_trim(driver_queue q, uintptr_t pool) {
	CUresult r = enter(q);
	if (!r) r = cuStreamSynchronize((CUstream)q.stream);
	return r ? r : cuMemPoolTrimTo((CUmemoryPool)pool, 0);
}

int driver_alloc(driver_queue q, uintptr_t pool, size_t bytes, uintptr_t *address) {
	CUdeviceptr p = 0;
	CUresult r = enter(q);
	if (!r) r = cuMemAllocFromPoolAsync(&p, bytes, (CUmemoryPool)pool, (CUstream)q.stream);
	*address = (uintptr_t)p;
	return r;
}

int driver_free(driver_queue q, uintptr_t address) {
	CUresult r = enter(q);
	return r ? r : cuMemFreeAsync((CUdeviceptr)address, (CUstream)q.stream);
}

int driver_zero(driver_queue q, uintptr_t address, size_t bytes) {
	CUresult r = enter(q);
	return r ? r : cuMemsetD8Async((CUdeviceptr)address, 0, bytes, (CUstream)q.stream);
}

int driver_pinned(driver_queue q, size_t bytes, uintptr_t *host) {
	void *p = NULL;
	CUresult r = enter(q);
	if (!r) r = cuMemHostAlloc(&p, bytes, CU_MEMHOSTALLOC_PORTABLE);
	*host = (uintptr_t)p;
	return r;
}

int driver_pinned_free(driver_queue q, uintptr_t host) {
	CUresult r = enter(q);
	return r ? r : cuMemFreeHost((void *)host);
}

// Relaxed: the goroutine that captures may go on on another thread, and other streams are none of its concern.
int driver_capture_begin(driver_queue q) {
	CUresult r = enter(q);
	return r ? r : cuStreamBeginCapture((CUstream)q.stream, CU_STREAM_CAPTURE_MODE_RELAXED);
}

int driver_capture_end(driver_queue q, uintptr_t *graph) {
	CUgraph noted = NULL;
	CUgraphExec run = NULL;
	*graph = 0;
	CUresult r = enter(q);
	if (!r) r = cuStreamEndCapture((CUstream)q.stream, &noted);
	if (!r) r = cuGraphInstantiate(&run, noted, 0);
	if (noted) {
		CUresult end = cuGraphDestroy(noted);
		if (!r) r = end;
	}
	*graph = (uintptr_t)run;
	return r;
}

int driver_graph_launch(driver_queue q, uintptr_t graph) {
	CUresult r = enter(q);
	return r ? r : cuGraphLaunch((CUgraphExec)graph, (CUstream)q.stream);
}

int driver_graph_free(driver_queue q, uintptr_t graph) {
	CUresult r = enter(q);
	return r ? r : cuGraphExecDestroy((CUgraphExec)graph);
}
