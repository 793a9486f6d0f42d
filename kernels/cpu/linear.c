// The three shapes of a linear layer, as operations of the team: one entry per instruction set.
#include "linear.h"

#define LINEAR(isa) \
	void primer_linear_##isa(worker *w, const void *args) { gemm_run(w, args, &gemm_##isa); }
LINEAR(generic)
LINEAR(avx2)
LINEAR(avx512)
LINEAR(avx512bf16)
