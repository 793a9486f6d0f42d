// Rotary position embedding, rotate-half, in place.
//
// Method: rows are claimed in small groups; the two table rows of a position stay in the first cache for all heads.
#include "rope.h"
#include "vec.h"

#define BODY "rope_body.h"
#include "each_isa.h"

PRIMER_TABLE(rope);
