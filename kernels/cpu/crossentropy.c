// Cross-entropy fused with its gradient, in place of the logits.
//
// Method: a row is claimed by one thread. Pass one takes chunks that fit the first cache: the chunk's maximum, then its sum of
// exp(x - maximum), into a running sum in F64 that is rescaled when the maximum grows; memory is read once. Pass two writes
// scale·(exp(x - maximum)/sum - onehot).
#include "crossentropy.h"
#include "vec.h"

#define BODY "crossentropy_body.h"
#include "each_isa.h"

PRIMER_TABLE(crossentropy);
