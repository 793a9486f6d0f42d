// The backward pass of attention (Dao et al. 2022, algorithm 4), probabilities recomputed from q, k and the saved lse.
//
// Method: first delta = Σ dout·out for every row and head. Then, for one pair of (key tile, query tile), scores and dp are
// two products with keys and values transposed, and dv, dk, dq three more. Two ways through the pairs, with the same order of
// every sum, hence the same bits: where there are enough (document, key head) items for the threads, one item walks all its
// pairs, key tiles outside, and dq is kept in memory between key tiles; else key tiles are items for dk and dv, and then query
// tiles are items for dq, which recomputes scores and dp but has many items.
#include "attention_tile.h"

#define BODY "attention_backward_body.h"
#include "each_isa.h"

PRIMER_TABLE(attention_backward);
