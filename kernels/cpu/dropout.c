// Dropout by counter.
//
// Method: the tensor is one run of elements, cut into pieces that are claimed; 4·W random words are made at a time. Where the
// first element's index is no multiple of four, words are read from the middle of their block.
#include "dropout.h"
#include "vec.h"

enum { DROP_PIECE = 8192 };

#define BODY "dropout_body.h"
#include "each_isa.h"

PRIMER_TABLE(dropout);
