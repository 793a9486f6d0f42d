// Causal attention over packed documents (flash attention: Dao et al. 2022; online softmax: Milakov and Gimelshein 2018).
//
// Method: one work item is (document, head, tile of 64 queries). The queries are transposed once, so that scores come out as
// [key][query]: maxima and sums of the softmax are then vertical, one lane per query, and one Philox block serves four rows
// of keys. Key tiles follow in ascending order; what the mask excludes is skipped by tile, by vector and by element, and
// never read into a sum (see micro_band).
// Tried and dropped: keys transposed instead of queries (a transposition for every key tile, horizontal sums).
#include "attention_tile.h"

#define BODY "attention_body.h"
#include "each_isa.h"

PRIMER_TABLE(attention);
