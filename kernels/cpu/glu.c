// The gated linear unit, forward and backward.
//
// Method: pieces of GLU_PIECE columns of one row are claimed, so that one decode row is shared by all threads as well.
// gelu_tanh(x) = x·σ(2u) with u = sqrt(2/π)·(x + 0.044715·x³): tanh needs no function of its own.
#include "glu.h"
#include "vec.h"

enum { ACT_SILU, ACT_GELU, ACT_RELU, GLU_PIECE = 1024 };

#define BODY "glu_body.h"
#include "each_isa.h"

PRIMER_TABLE(glu);
PRIMER_TABLE(glu_backward);
