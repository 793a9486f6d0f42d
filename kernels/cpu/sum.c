// Sums and sums of squares in F64.
//
// Method: parts of SUM_PART elements are summed by whoever claims them, into the buffer that the team shares; one thread adds
// the parts in order. The order depends on the length alone. What has more parts than the buffer holds is done in rounds.
#include "sum.h"
#include "vec.h"

enum { SUM_PART = 16384, SUM_PARTS = TEAM_SHARED / 8 };

#define BODY "sum_body.h"
#include "each_isa.h"

PRIMER_TABLE(sum);
