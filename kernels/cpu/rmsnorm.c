// RMSNorm fused with the residual add, forward and backward.
//
// Method: rows are claimed in small groups. Forward reads a row once from memory (sum and sum of squares), then once more
// from the first cache to scale it. Backward: every block of RMSNORM_BLOCK rows adds its part of dw into a row of the
// workspace; after a barrier the blocks are added in order, columns split over threads.
#include "rmsnorm.h"
#include "vec.h"

#define BODY "rmsnorm_body.h"
#include "each_isa.h"

PRIMER_TABLE(rmsnorm);
PRIMER_TABLE(rmsnorm_backward);
