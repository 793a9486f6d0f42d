// What Go has of the stand-in beside the functions it stands in for.
#ifndef PRIMER_STANDIN_GO
#define PRIMER_STANDIN_GO

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// The name and address of function i of a library (0 driver, 1 NVRTC, 2 cuBLASLt); NULL after the last.
const char *primer_standin_function(int library, int i, uintptr_t *address);
// From the n-th allocation from now, device memory and pinned memory alike, so many fail; n = 0: none.
void primer_standin_fail_allocation(size_t n, size_t times);
// Allocations that live, their bytes, and how many were ever asked for.
void primer_standin_memory(size_t *live, size_t *bytes, size_t *made);
// How often the host has waited: for all that was issued before (streams, contexts, copies and calls that block, freeing pinned
// memory), and for an event that was not done yet.
void primer_standin_waits(size_t *streams, size_t *events);
// Pinned memory and launches with a struct, for tests of the stand-in itself; gorgonia.org/cu has none.
void *primer_standin_pinned(size_t bytes);
int primer_standin_pinned_free(void *p);
int primer_standin_launch(uintptr_t function, uintptr_t stream, unsigned blocks, unsigned threads, unsigned shared, const void *args, size_t size);
// How often cuBLASLt was asked for algorithms.
size_t primer_standin_heuristics(void);
// What failed on the device, "" if nothing. Clearing forgets it, as if the contexts had been made anew.
const char *primer_standin_failure(void);
void primer_standin_clear(void);

#ifdef __cplusplus
}
#endif

#endif
