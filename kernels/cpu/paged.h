#ifndef PRIMER_PAGED_H
#define PRIMER_PAGED_H
#include "team.h"

typedef struct {
	uintptr_t kcache, vcache, qkv, slots;
	int64_t rows, heads, kv_heads, dim, pages, page_size;
	int32_t type, cache_type;
} paged_write_args;

typedef struct {
	uintptr_t out, qkv, kcache, vcache, table, culens, lens;
	uintptr_t work; // partial results of splits, or 0: splits of a row are taken by one thread
	int64_t rows, seqs, heads, kv_heads, dim, pages, page_size, table_width;
	int64_t max_len, window, split;
	float scale;
	int32_t type, cache_type;
} paged_attention_args;

// PAGED_SPLIT is the number of keys of a split where the caller does not say; PAGED_NARROW is the most new rows of a sequence
// that are computed with keys in the lanes; PAGED_ITEMS is how many (sequence, key head) make splitting over threads useless.
enum { PAGED_SPLIT = 256, PAGED_NARROW = 4, PAGED_ITEMS = 128 };

extern const primer_op primer_paged_write_table[3];
extern const primer_op primer_paged_attention_table[3];
#endif
