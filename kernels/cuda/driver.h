//go:build cuda

// What gorgonia.org/cu lacks of the driver, or what would take several calls with it: functions here set the context of the
// calling thread first, so that no goroutine has to stay on one. All return a CUresult.
#ifndef PRIMER_CUDA_DRIVER
#define PRIMER_CUDA_DRIVER

#include <stddef.h>
#include <stdint.h>

// A stream with its context.
typedef struct {
	uintptr_t context, stream;
} driver_queue;

int driver_init(void);
// Text of an error, "CUDA_ERROR_…: what it means", into out.
void driver_error(int error, char *out, size_t size);

// One launch: grid and threads as dimensions, args the kernel's one parameter of the given size.
int driver_launch(driver_queue q, uintptr_t function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned shared, uintptr_t args, size_t size);
int driver_set_shared(driver_queue q, uintptr_t function, int bytes);

int driver_pool(int device, uintptr_t *pool); // the device's own pool, told to keep what is freed
int driver_pool_trim(driver_queue q, uintptr_t pool);
int driver_alloc(driver_queue q, uintptr_t pool, size_t bytes, uintptr_t *address);
int driver_free(driver_queue q, uintptr_t address);
int driver_zero(driver_queue q, uintptr_t address, size_t bytes);
int driver_pinned(driver_queue q, size_t bytes, uintptr_t *host);
int driver_pinned_free(driver_queue q, uintptr_t host);

// From here to driver_capture_end, what is issued is noted instead of run.
int driver_capture_begin(driver_queue q);
int driver_capture_end(driver_queue q, uintptr_t *graph); // an executable graph, also 0 when capturing had failed
int driver_graph_launch(driver_queue q, uintptr_t graph);
int driver_graph_free(driver_queue q, uintptr_t graph);

#endif
