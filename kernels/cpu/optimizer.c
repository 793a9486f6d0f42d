// AdamW and the clip factor it reads.
//
// Method: blocks of ADAM_BLOCK elements are claimed a few at a time; everything of a block is read and written once.
#include "optimizer.h"
#include "philox.h"
#include "vec.h"

enum { ADAM_BLOCK = 1024, PURPOSE_STOCHASTIC_ROUND = 6 }; // kernels.Block, kernels.PurposeStochasticRound

#define BODY "optimizer_body.h"
#include "each_isa.h"

PRIMER_TABLE(clip);
PRIMER_TABLE(adamw);
