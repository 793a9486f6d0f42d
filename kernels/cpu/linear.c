// The three shapes of a linear layer, as operations of the team: one entry per instruction set.
#include "linear.h"

#include "host.h"

#define LINEAR(isa) \
	void primer_linear_##isa(worker *w, const void *args) { gemm_run(w, args, &gemm_##isa); }
LINEAR(generic)
LINEAR(avx2)
LINEAR(avx512)
LINEAR(avx512bf16)

static const gemm_isa *const isas[ISA_COUNT] = {&gemm_generic, &gemm_avx2, &gemm_avx512, &gemm_avx512bf16};

static int words_of(const pack_args *a, int isa) { return a->math == DT_BF16 ? isas[isa]->words : WORD_F32; }

int64_t primer_packed_bytes(int isa, const pack_args *a) {
	const int64_t nr = isas[isa]->nr, panels = (a->rows + nr - 1) / nr;
	return (panels * nr * gemm_words(a->k, words_of(a, isa)) + GEMM_PAD) * 4;
}

void primer_pack(worker *w, const void *args) {
	const pack_args *a = args;
	const gemm_isa *isa = isas[a->isa];
	const int words = words_of(a, a->isa);
	const int64_t nr = isa->nr, kw = gemm_words(a->k, words), panels = (a->rows + nr - 1) / nr;
	int64_t from, to;
	while (team_claim(w, 0, panels, 4, &from, &to)) {
		int64_t rows = (to * nr < a->rows ? to * nr : a->rows) - from * nr;
		isa->pack_b((uint32_t *)a->out + from * nr * kw, &a->x, from * nr, rows, a->k, 0, kw, words);
	}
}
