//go:build cuda

// cuBLASLt through the functions that were found, in the order of blas_function. Matrices are as BLAS has them, column by
// column: a row-major [r,c] is a column-major c × r.
#ifndef PRIMER_CUDA_BLAS
#define PRIMER_CUDA_BLAS

#include "driver.h"

enum blas_function {
	BLAS_CREATE,
	BLAS_DESTROY,
	BLAS_STATUS,
	BLAS_DESC_CREATE,
	BLAS_DESC_DESTROY,
	BLAS_DESC_SET,
	BLAS_LAYOUT_CREATE,
	BLAS_LAYOUT_DESTROY,
	BLAS_PREFERENCE_CREATE,
	BLAS_PREFERENCE_DESTROY,
	BLAS_PREFERENCE_SET,
	BLAS_HEURISTIC,
	BLAS_MATMUL,
	BLAS_FUNCTIONS
};

#define BLAS_NO_MEMORY 3 // cublasStatus_t
#define BLAS_NOT_SUPPORTED 15

// C[m,n] = A·B, A [m,k] and B [k,n] after turning; the alignments are those of the addresses in bytes, at most 16. A and B are
// bf16 or f32, C is bf16 or f32, sums are f32. With bias, an f32 C gets bias[m] added to every column before it is stored; align_d is
// the smaller alignment of C's and the bias's then.
typedef struct {
	int64_t m, n, k, lda, ldb, ldc;
	int32_t turn_a, turn_b, bf16_in, bf16_out;
	uint32_t align_a, align_b, align_c, align_d;
	int32_t bias, pad;
} blas_shape;

// What is kept for a shape: handles of cuBLASLt and the algorithm that it proposed; all zero where it has none with a bias.
typedef struct {
	void *desc, *a, *b, *c;
	uint64_t algorithm[8];
	size_t workspace; // bytes that the algorithm uses, of those that it was offered
} blas_plan;

int blas_create(const uintptr_t *f, driver_queue q, uintptr_t *handle);
int blas_destroy(const uintptr_t *f, driver_queue q, uintptr_t handle);
const char *blas_status(const uintptr_t *f, int status);
int blas_plan_make(const uintptr_t *f, driver_queue q, uintptr_t handle, const blas_shape *s, size_t workspace, uintptr_t bias, blas_plan *plan);
int blas_plan_free(const uintptr_t *f, blas_plan *plan);
// C = A·B + beta·C on the queue, plus the bias where the plan is of a shape with one.
int blas_run(const uintptr_t *f, driver_queue q, uintptr_t handle, const blas_plan *plan, uintptr_t a, uintptr_t b, uintptr_t c, float beta,
             uintptr_t bias, uintptr_t workspace);

#endif
