//go:build cuda

// NVRTC through the functions that were found, in the order of nvrtc_function.
#ifndef PRIMER_CUDA_NVRTC
#define PRIMER_CUDA_NVRTC

#include <stddef.h>
#include <stdint.h>

enum nvrtc_function {
	NVRTC_VERSION,
	NVRTC_CREATE,
	NVRTC_COMPILE,
	NVRTC_LOG_SIZE,
	NVRTC_LOG,
	NVRTC_CUBIN_SIZE,
	NVRTC_CUBIN,
	NVRTC_DESTROY,
	NVRTC_ERROR,
	NVRTC_FUNCTIONS
};

typedef struct {
	const char *name, *text;     // of the source
	int headers, options;        // how many
	const char **header_texts, **header_names, **option;
} nvrtc_source;

int nvrtc_version(const uintptr_t *functions, int *major, int *minor);
// Compiles to a cubin. cubin and log are for the caller to free; the log has the compiler's words, also when all is well. The
// result is nvrtcResult.
int nvrtc_compile(const uintptr_t *functions, const nvrtc_source *source, char **cubin, size_t *size, char **log);
const char *nvrtc_error(const uintptr_t *functions, int result);

#endif
