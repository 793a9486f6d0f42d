//go:build cuda

#include "blas.h"

#include <cuda.h>
#include <string.h>

// The numbers of cuBLASLt's interface that are used, which are the same in its versions 11, 12 and 13.
enum {
	TYPE_F32 = 0, // cudaDataType
	TYPE_BF16 = 14,
	COMPUTE_F32 = 68, // cublasComputeType_t: f32 sums; with f32 in no shortcut by TF32
	DESC_TURN_A = 3,  // cublasLtMatmulDescAttributes_t
	DESC_TURN_B = 4,
	DESC_EPILOGUE = 7,
	DESC_BIAS = 8,        // its address; its type is that of C unless another is named
	TURN = 1,             // cublasOperation_t
	EPILOGUE_BIAS = 4,    // cublasLtEpilogue_t
	PREFER_WORKSPACE = 1, // cublasLtMatmulPreferenceAttributes_t
	PREFER_REDUCTION = 3,
	PREFER_ALIGN_A = 5,
	PREFER_ALIGN_B = 6,
	PREFER_ALIGN_C = 7,
	PREFER_ALIGN_D = 8,
	// Sums split over k come together in f32, in the workspace, in one order. The other ways round in between.
	REDUCE_COMPUTE_TYPE = 2,
	NOT_INITIALIZED = 1, // cublasStatus_t
	CANDIDATES = 8,
};

// cublasLtMatmulHeuristicResult_t
typedef struct {
	uint64_t algorithm[8];
	size_t workspace;
	int status;
	float waves;
	int reserved[4];
} heuristic;

// The first of the functions gives a status of its own when the context cannot be set.
static int enter(driver_queue q) { return cuCtxSetCurrent((CUcontext)q.context) ? NOT_INITIALIZED : 0; }

int blas_create(const uintptr_t *f, driver_queue q, uintptr_t *handle) {
	void *h = NULL;
	int r = enter(q);
	if (!r) r = ((int (*)(void **))f[BLAS_CREATE])(&h);
	*handle = (uintptr_t)h;
	return r;
}

int blas_destroy(const uintptr_t *f, driver_queue q, uintptr_t handle) {
	int r = enter(q);
	return r ? r : ((int (*)(void *))f[BLAS_DESTROY])((void *)handle);
}

const char *blas_status(const uintptr_t *f, int status) { return ((const char *(*)(int))f[BLAS_STATUS])(status); }

static int layout(const uintptr_t *f, void **out, int type, int64_t rows, int64_t columns, int64_t ld) {
	return ((int (*)(void **, int, uint64_t, uint64_t, int64_t))f[BLAS_LAYOUT_CREATE])(out, type, (uint64_t)rows, (uint64_t)columns, ld);
}

static int set(uintptr_t function, void *object, int attribute, uint64_t value, size_t size) {
	return ((int (*)(void *, int, const void *, size_t))function)(object, attribute, &value, size); // little-endian: the low bytes
}

// choose takes the first algorithm of those that the library proposes, best first, that it can run in the workspace offered. The proposal
// follows from shape, alignments, GPU and the library's version. Timing the candidates would find a faster one at times, and another
// one from run to run: algorithms differ in the order of sums, so a resumed run would not repeat its losses.
static int choose(const uintptr_t *f, uintptr_t handle, const blas_shape *s, size_t workspace, blas_plan *plan) {
	void *preference = NULL;
	heuristic found[CANDIDATES];
	int count = 0;
	int r = ((int (*)(void **))f[BLAS_PREFERENCE_CREATE])(&preference);
	if (r) return r;
	const struct {
		int attribute;
		uint64_t value;
		size_t size;
	} wishes[] = {
		{PREFER_WORKSPACE, workspace, 8}, {PREFER_REDUCTION, REDUCE_COMPUTE_TYPE, 4}, {PREFER_ALIGN_A, s->align_a, 4},
		{PREFER_ALIGN_B, s->align_b, 4},  {PREFER_ALIGN_C, s->align_c, 4},            {PREFER_ALIGN_D, s->align_d, 4},
	};
	for (size_t i = 0; i < sizeof wishes / sizeof *wishes && !r; i++)
		r = set(f[BLAS_PREFERENCE_SET], preference, wishes[i].attribute, wishes[i].value, wishes[i].size);
	memset(found, 0, sizeof found);
	if (!r)
		r = ((int (*)(void *, void *, void *, void *, void *, void *, void *, int, heuristic *, int *))f[BLAS_HEURISTIC])(
			(void *)handle, plan->desc, plan->a, plan->b, plan->c, plan->c, preference, CANDIDATES, found, &count);
	int destroyed = ((int (*)(void *))f[BLAS_PREFERENCE_DESTROY])(preference);
	if (!r) r = destroyed;
	if (r) return r;
	for (int i = 0; i < count; i++) {
		if (found[i].status || found[i].workspace > workspace) continue;
		memcpy(plan->algorithm, found[i].algorithm, sizeof plan->algorithm);
		plan->workspace = found[i].workspace;
		return 0;
	}
	return BLAS_NOT_SUPPORTED;
}

int blas_plan_make(const uintptr_t *f, driver_queue q, uintptr_t handle, const blas_shape *s, size_t workspace, uintptr_t bias, blas_plan *plan) {
	const int in = s->bf16_in ? TYPE_BF16 : TYPE_F32, out = s->bf16_out ? TYPE_BF16 : TYPE_F32;
	memset(plan, 0, sizeof *plan);
	int r = enter(q);
	if (!r) r = ((int (*)(void **, int, int))f[BLAS_DESC_CREATE])(&plan->desc, COMPUTE_F32, TYPE_F32);
	if (!r && s->turn_a) r = set(f[BLAS_DESC_SET], plan->desc, DESC_TURN_A, TURN, 4);
	if (!r && s->turn_b) r = set(f[BLAS_DESC_SET], plan->desc, DESC_TURN_B, TURN, 4);
	if (!r && s->bias) r = set(f[BLAS_DESC_SET], plan->desc, DESC_EPILOGUE, EPILOGUE_BIAS, 4);
	if (!r && s->bias) r = set(f[BLAS_DESC_SET], plan->desc, DESC_BIAS, bias, 8);
	if (!r) r = s->turn_a ? layout(f, &plan->a, in, s->k, s->m, s->lda) : layout(f, &plan->a, in, s->m, s->k, s->lda);
	if (!r) r = s->turn_b ? layout(f, &plan->b, in, s->n, s->k, s->ldb) : layout(f, &plan->b, in, s->k, s->n, s->ldb);
	if (!r) r = layout(f, &plan->c, out, s->m, s->n, s->ldc);
	if (!r) r = choose(f, handle, s, workspace, plan);
	if (r) blas_plan_free(f, plan); // what went wrong first is told
	return r;
}

int blas_plan_free(const uintptr_t *f, blas_plan *plan) {
	int r = 0, one;
	void **layouts[] = {&plan->a, &plan->b, &plan->c};
	for (int i = 0; i < 3; i++) {
		if (!*layouts[i]) continue;
		one = ((int (*)(void *))f[BLAS_LAYOUT_DESTROY])(*layouts[i]);
		if (!r) r = one;
		*layouts[i] = NULL;
	}
	if (plan->desc) {
		one = ((int (*)(void *))f[BLAS_DESC_DESTROY])(plan->desc);
		if (!r) r = one;
		plan->desc = NULL;
	}
	return r;
}

int blas_run(const uintptr_t *f, driver_queue q, uintptr_t handle, const blas_plan *p, uintptr_t a, uintptr_t b, uintptr_t c, float beta,
             uintptr_t bias, uintptr_t workspace) {
	const float alpha = 1;
	int r = enter(q);
	if (!r && bias) r = set(f[BLAS_DESC_SET], p->desc, DESC_BIAS, bias, 8);
	if (r) return r;
	return ((int (*)(void *, void *, const void *, const void *, void *, const void *, void *, const void *, const void *, void *, void *, void *,
	                 const void *, void *, size_t, void *))f[BLAS_MATMUL])(
		(void *)handle, p->desc, &alpha, (const void *)a, p->a, (const void *)b, p->b, &beta, (const void *)c, p->c, (void *)c, p->c, p->algorithm,
		(void *)workspace, p->workspace, (void *)q.stream);
}
