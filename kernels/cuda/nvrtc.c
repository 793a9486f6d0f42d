//go:build cuda

#include "nvrtc.h"

#include <stdlib.h>

typedef struct program *program;

int nvrtc_version(const uintptr_t *f, int *major, int *minor) { return ((int (*)(int *, int *))f[NVRTC_VERSION])(major, minor); }

const char *nvrtc_error(const uintptr_t *f, int result) { return ((const char *(*)(int))f[NVRTC_ERROR])(result); }

// Fetches a text whose size another function tells: a log or a cubin.
static int fetch(uintptr_t size_of, uintptr_t get, program p, char **out, size_t *size) {
	int r = ((int (*)(program, size_t *))size_of)(p, size);
	if (r) return r;
	*out = calloc(*size + 1, 1);
	if (!*out) return 1; // NVRTC_ERROR_OUT_OF_MEMORY
	return ((int (*)(program, char *))get)(p, *out);
}

int nvrtc_compile(const uintptr_t *f, const nvrtc_source *s, char **cubin, size_t *size, char **log) {
	program p = NULL;
	size_t log_size;
	*cubin = *log = NULL;
	int r = ((int (*)(program *, const char *, const char *, int, const char *const *, const char *const *))f[NVRTC_CREATE])(
		&p, s->text, s->name, s->headers, s->header_texts, s->header_names);
	if (r) return r;
	r = ((int (*)(program, int, const char *const *))f[NVRTC_COMPILE])(p, s->options, s->option);
	int logged = fetch(f[NVRTC_LOG_SIZE], f[NVRTC_LOG], p, log, &log_size);
	if (!r) r = logged;
	if (!r) r = fetch(f[NVRTC_CUBIN_SIZE], f[NVRTC_CUBIN], p, cubin, size);
	int destroyed = ((int (*)(program *))f[NVRTC_DESTROY])(&p);
	return r ? r : destroyed;
}
