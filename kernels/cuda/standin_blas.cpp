//go:build cuda && emulator

// cuBLASLt of the stand-in: D = alpha·op(A)·op(B) + beta·C (+ bias), column-major, in bf16 or f32. Sums are in the order of
// kernels/linear.go, so that products compare by bits with the reference; a GPU's are in others. Batches, other layouts, other types
// and other epilogues are refused. Numbers of attributes are those of cublasLt.h.
#pragma GCC optimize("O3") // the loops of sums are to become vectors

#include "standin.h"
#include "standin_go.h"

#include <cstdio>
#include <cstring>
#include <set>

namespace standin {

namespace {

enum { DONE = 0, NOT_INITIALIZED = 1, ALLOC_FAILED = 3, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { R_32F = 0, R_16BF = 14, COMPUTE_32F = 68 };
enum { EPILOGUE_DEFAULT = 1, EPILOGUE_BIAS = 4 };

struct description {
	int compute, scale, pointer_mode = 0, turn_a = 0, turn_b = 0, epilogue = EPILOGUE_DEFAULT, bias_type = -1;
	uintptr_t bias = 0;
};
struct layout {
	int type;
	uint64_t rows, columns;
	int64_t leading;
};
struct preference {
	uint64_t workspace = 0;
	uint32_t align_d = 256;
};
size_t heuristics; // calls
// As in cublasLt.h.
struct algorithm {
	uint64_t data[8];
};
struct heuristic {
	algorithm algo;
	size_t workspace;
	int state;
	float waves;
	int reserved[4];
};
const uint64_t our_algorithm = 0x7072696d6572; // what data[0] of an algorithm of ours is

std::set<void *> handles;
bool known(const void *p) { return handles.count(const_cast<void *>(p)) > 0; }
template <class T> int make(void **out, T made) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	*out = new T(made);
	handles.insert(*out);
	return DONE;
}
template <class T> int destroy(void *p) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (!handles.erase(p)) return INVALID_VALUE;
	delete (T *)p;
	return DONE;
}
int refuse(const char *what, long value) {
	fprintf(stderr, "stand-in cuBLASLt: refuses %s %ld\n", what, value);
	return NOT_SUPPORTED;
}

struct library {};
int create(void **h) {
	{
		std::lock_guard<std::recursive_mutex> lock(driver);
		if (ready()) return NOT_INITIALIZED;
		if (fail_allocation()) return ALLOC_FAILED;
	}
	return make(h, library());
}

int make_description(void **d, int compute, int scale) {
	if (compute != COMPUTE_32F || scale != R_32F) return refuse("compute type", compute);
	description made;
	made.compute = compute, made.scale = scale;
	return make(d, made);
}
int set_description(void *p, int attribute, const void *value, size_t size) {
	if (!known(p) || !value) return INVALID_VALUE;
	description *d = (description *)p;
	int number = 0;
	if (attribute == 8) { // BIAS_POINTER
		if (size != 8) return INVALID_VALUE;
		memcpy(&d->bias, value, 8);
		return DONE;
	}
	if (size != 4) return INVALID_VALUE;
	memcpy(&number, value, 4);
	switch (attribute) {
	case 2: // POINTER_MODE
		if (number != 0) return refuse("pointer mode", number);
		return DONE;
	case 3: // TRANSA: 0 no, 1 yes
	case 4: // TRANSB
		if (number != 0 && number != 1) return refuse("transposition", number);
		(attribute == 3 ? d->turn_a : d->turn_b) = number;
		return DONE;
	case 7: // EPILOGUE
		if (number != EPILOGUE_DEFAULT && number != EPILOGUE_BIAS) return refuse("epilogue", number);
		d->epilogue = number;
		return DONE;
	case 26: // BIAS_DATA_TYPE
		d->bias_type = number;
		return DONE;
	}
	return refuse("matmul attribute", attribute);
}
int make_layout(void **l, int type, uint64_t rows, uint64_t columns, int64_t leading) {
	if (type != R_32F && type != R_16BF) return refuse("matrix type", type);
	if (rows == 0 || columns == 0 || leading < (int64_t)rows) return INVALID_VALUE;
	return make(l, layout{type, rows, columns, leading});
}
int set_layout(void *, int attribute, const void *, size_t) { return refuse("layout attribute", attribute); }
int make_preference(void **p) { return make(p, preference()); }
int set_preference(void *p, int attribute, const void *value, size_t size) {
	if (!known(p)) return INVALID_VALUE;
	if (attribute == 8 && size == 4) { // MIN_ALIGNMENT_D_BYTES
		memcpy(&((preference *)p)->align_d, value, 4);
		return DONE;
	}
	if (attribute == 3 || (attribute >= 5 && attribute <= 7)) return DONE; // REDUCTION_SCHEME_MASK, MIN_ALIGNMENT_…: any will do
	if (attribute != 1 || size != 8) return refuse("preference", attribute); // MAX_WORKSPACE_BYTES
	memcpy(&((preference *)p)->workspace, value, 8);
	return DONE;
}

struct sizes {
	int64_t m, n, k;
};
// The shapes fit together.
bool fit(const description *d, const layout *a, const layout *b, const layout *c, const layout *r, sizes *s) {
	const uint64_t m = d->turn_a ? a->columns : a->rows, k = d->turn_a ? a->rows : a->columns;
	const uint64_t n = d->turn_b ? b->rows : b->columns, kb = d->turn_b ? b->columns : b->rows;
	*s = {(int64_t)m, (int64_t)n, (int64_t)k};
	return k == kb && c->rows == m && c->columns == n && r->rows == m && r->columns == n && a->type == b->type && c->type == r->type && (a->type == R_16BF || r->type == R_32F);
}

int find_algorithm(void *h, void *d, void *a, void *b, void *c, void *r, void *p, int want, heuristic *results, int *found) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	sizes s;
	*found = 0;
	if (!known(h) || !known(d) || !known(a) || !known(b) || !known(c) || !known(r) || !known(p) || want < 1) return INVALID_VALUE;
	if (!fit((description *)d, (layout *)a, (layout *)b, (layout *)c, (layout *)r, &s)) return NOT_SUPPORTED;
	heuristics++;
	// A bias wants 16 bytes here, so that callers have to do without at times; and the first proposal of several cannot be run.
	if (((description *)d)->epilogue == EPILOGUE_BIAS && ((preference *)p)->align_d < 16) return NOT_SUPPORTED;
	if (want > 1) {
		memset(results, 0xff, sizeof *results);
		results->state = NOT_SUPPORTED, *found = 1;
		results++;
	}
	memset(results, 0, sizeof *results);
	results->algo.data[0] = our_algorithm;
	results->workspace = 256; // so that a caller has to have some
	if (results->workspace > ((preference *)p)->workspace) results->workspace = 0;
	++*found;
	return DONE;
}

float element(const char *p, int type, int64_t i) {
	if (type == R_32F) return ((const float *)p)[i];
	return emulated::bits_as<float>((u32)((const u16 *)p)[i] << 16);
}
void put(char *p, int type, int64_t i, float x) {
	if (type == R_32F) ((float *)p)[i] = x;
	else ((bf16 *)p)[i] = bf16_of(x);
}
size_t bytes_of(const layout &l) { return ((size_t)l.leading * (l.columns - 1) + l.rows) * (l.type == R_32F ? 4 : 2); }

// op(M) as f32, [rows, columns] with row i at i·columns.
std::vector<float> rows_of(const char *p, const layout &l, bool turn, int64_t rows, int64_t columns) {
	std::vector<float> all((size_t)rows * columns);
	for (int64_t i = 0; i < rows; i++)
		for (int64_t j = 0; j < columns; j++) all[i * columns + j] = element(p, l.type, turn ? i * l.leading + j : j * l.leading + i);
	return all;
}

struct operands {
	description d;
	layout a, b, c, r;
	sizes s;
	const char *pa, *pb, *pc;
	char *pr;
	float alpha, beta;
};

bool readable(const void *p, size_t bytes, const char *name) {
	std::string what;
	if (device_range((uintptr_t)p, bytes, &what)) return true;
	fail(CUDA_ERROR_ILLEGAL_ADDRESS, std::string("cublasLtMatmul: ") + name + " of " + std::to_string(bytes) + " bytes: " + what);
	return false;
}

#if defined(__x86_64__)
#define CLONES __attribute__((target_clones("arch=haswell", "default")))
#else
#define CLONES
#endif

// One link of the chains of m sums: fma; with flush, denormals count as zero.
CLONES void link(float *sum, const float *a, float x, int64_t m, bool flush) {
	if (flush) {
		for (int64_t i = 0; i < m; i++) {
			const float y = __builtin_fmaf(a[i], x, sum[i]);
			sum[i] = __builtin_fabsf(y) < 0x1p-126f ? __builtin_copysignf(0.0f, y) : y;
		}
	} else {
		for (int64_t i = 0; i < m; i++) sum[i] = __builtin_fmaf(a[i], x, sum[i]);
	}
}
void flush_all(std::vector<float> &all) {
	for (float &x : all) x = emulated_flush(x);
}

CUresult multiply(const operands &o) {
	const bool bias = o.d.epilogue == EPILOGUE_BIAS, pairs = o.a.type == R_16BF;
	const int bias_type = o.d.bias_type < 0 ? o.r.type : o.d.bias_type;
	if (!readable(o.pa, bytes_of(o.a), "A") || !readable(o.pb, bytes_of(o.b), "B") || !readable(o.pr, bytes_of(o.r), "D")) return sticky;
	if (o.beta != 0 && !readable(o.pc, bytes_of(o.c), "C")) return sticky;
	if (bias && !readable((char *)o.d.bias, o.s.m * (bias_type == R_32F ? 4 : 2), "bias")) return sticky;
	const int64_t m = o.s.m, n = o.s.n, k = o.s.k;
	std::vector<float> a = rows_of(o.pa, o.a, !o.d.turn_a, k, m); // [k, m]
	std::vector<float> b = rows_of(o.pb, o.b, !o.d.turn_b, n, k); // [n, k]
	std::vector<float> sum(m), zero(pairs && k % 2 ? m : 0);
	if (pairs) flush_all(a), flush_all(b);
	for (int64_t j = 0; j < n; j++) {
		const float *x = &b[j * k];
		for (int64_t i = 0; i < m; i++) { // the chain begins with what is added, when the product is not scaled
			sum[i] = o.beta != 0 ? o.beta * element(o.pc, o.c.type, j * o.c.leading + i) : 0;
			if (bias) sum[i] += element((char *)o.d.bias, bias_type, i);
			if (o.alpha != 1) sum[i] /= o.alpha;
			if (pairs) sum[i] = emulated_flush(sum[i]);
		}
		for (int64_t l = 0; l < k && !pairs; l++) link(&sum[0], &a[l * m], x[l], m, false);
		for (int64_t l = 0; l < k && pairs; l += 2) {
			if (l + 1 < k) link(&sum[0], &a[(l + 1) * m], x[l + 1], m, true);
			else link(&sum[0], &zero[0], 0, m, true);
			link(&sum[0], &a[l * m], x[l], m, true);
		}
		for (int64_t i = 0; i < m; i++) put(o.pr, o.r.type, j * o.r.leading + i, o.alpha * sum[i]);
	}
	return CUDA_SUCCESS;
}

int matmul(void *h, void *d, const float *alpha, const void *pa, void *a, const void *pb, void *b, const float *beta, const void *pc, void *c, void *pr, void *r, const algorithm *algo, void *workspace, size_t workspace_bytes, CUstream stream) {
	std::lock_guard<std::recursive_mutex> lock(driver);
	if (ready()) return EXECUTION_FAILED;
	if (!known(h) || !known(d) || !known(a) || !known(b) || !known(c) || !known(r)) return INVALID_VALUE;
	if (algo && algo->data[0] != our_algorithm) return refuse("an algorithm that it did not give", (long)algo->data[0]);
	if (*alpha == 0) return refuse("alpha", 0);
	operands o = {*(description *)d, *(layout *)a, *(layout *)b, *(layout *)c, *(layout *)r, {}, (char *)pa, (char *)pb, (char *)pc, (char *)pr, *alpha, *beta};
	if (!fit(&o.d, &o.a, &o.b, &o.c, &o.r, &o.s)) return INVALID_VALUE;
	std::string what;
	if (workspace_bytes > 0 && !device_range((uintptr_t)workspace, workspace_bytes, &what)) return INVALID_VALUE;
	CUresult issued = issue(stream, [=] {
		if (workspace_bytes > 0) {
			if (!readable(workspace, workspace_bytes, "the workspace")) return sticky;
			memset(workspace, 0xff, workspace_bytes); // it is the product's for as long as it runs
		}
		return multiply(o);
	});
	return issued ? EXECUTION_FAILED : DONE;
}

size_t version() { return 0; } // one that it never had
const char *status_text(int status) {
	switch (status) {
	case DONE: return "success";
	case NOT_INITIALIZED: return "not initialized";
	case ALLOC_FAILED: return "allocation failed";
	case INVALID_VALUE: return "invalid value";
	case EXECUTION_FAILED: return "execution failed";
	case NOT_SUPPORTED: return "not supported";
	}
	return "unknown";
}

} // namespace

std::vector<function> blas_functions() {
	return {{"cublasLtCreate", (void *)create}, {"cublasLtDestroy", (void *)destroy<library>}, {"cublasLtGetVersion", (void *)version},
	        {"cublasLtGetStatusString", (void *)status_text}, {"cublasLtMatmulDescCreate", (void *)make_description},
	        {"cublasLtMatmulDescDestroy", (void *)destroy<description>}, {"cublasLtMatmulDescSetAttribute", (void *)set_description},
	        {"cublasLtMatrixLayoutCreate", (void *)make_layout}, {"cublasLtMatrixLayoutDestroy", (void *)destroy<layout>},
	        {"cublasLtMatrixLayoutSetAttribute", (void *)set_layout}, {"cublasLtMatmulPreferenceCreate", (void *)make_preference},
	        {"cublasLtMatmulPreferenceDestroy", (void *)destroy<preference>}, {"cublasLtMatmulPreferenceSetAttribute", (void *)set_preference},
	        {"cublasLtMatmulAlgoGetHeuristic", (void *)find_algorithm}, {"cublasLtMatmul", (void *)matmul}};
}

} // namespace standin

size_t primer_standin_heuristics() {
	std::lock_guard<std::recursive_mutex> lock(standin::driver);
	return standin::heuristics;
}
