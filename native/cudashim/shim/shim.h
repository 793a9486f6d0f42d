// What the shim offers beside the driver's own functions. All of it is for one thread at a time, before anything else of the
// driver is called.
#ifndef PRIMER_CUDASHIM
#define PRIMER_CUDASHIM

// primer_cuda_open fills the slots from the first of the driver's libraries that opens (NULL-terminated names). It returns
// NULL, or what the loader said about the last one.
const char *primer_cuda_open(const char *const *libraries);

// primer_cuda_fill fills the slot of one function by hand. It returns 0 when there is no such slot.
int primer_cuda_fill(const char *name, void *function);

// primer_cuda_folder is where set-up put the library, with what else it fetched beside it.
extern const char primer_cuda_folder[];

#endif
