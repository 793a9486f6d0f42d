// The paged cache: writing new keys and values, and attention of new rows against it.
//
// Method: keys are taken in splits, a split in tiles of 64 positions; every split has an online softmax of its own, and
// splits are merged in ascending order. A sequence with many new rows (prefill) is computed as attention.c does it, queries
// in the lanes. One with few (decode) has the keys of a tile transposed, keys in the lanes, all heads of a group together
// (one or two rows in all: in registers, paged_direct_body.h); there the splits may be different threads' work, merged in a second phase. Every sum has the same order in all of these, so
// that a row's bits are the same in a decode step, in a chunk and in a whole prompt.
#include "attention_tile.h"
#include "paged.h"

#define BODY "paged_body.h"
#include "each_isa.h"

PRIMER_TABLE(paged_write);
PRIMER_TABLE(paged_attention);
