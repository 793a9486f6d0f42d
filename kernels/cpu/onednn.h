#ifndef PRIMER_ONEDNN_H
#define PRIMER_ONEDNN_H

#include <stdint.h>

// A matrix product of oneDNN, kept between calls: c[m,n] (+)= a[m,k]·b[k,n]; type 1 is f32, 2 bf16 (as kernels.DType); a
// transposed operand is stored with its dimensions swapped. c is f32 for beta = 1, else of type c_type.
typedef struct peer_product peer_product;
peer_product *peer_open(int64_t m, int64_t n, int64_t k, int type, int a_transposed, int b_transposed, int c_type, int accumulate, int packed);
// peer_bind says where the operands lie, and packs a frozen b.
void peer_bind(peer_product *p, void *a, void *b, void *c);
// peer_run does the product n times, with no work between that a user of oneDNN could save.
void peer_run(peer_product *p, int n);
void peer_close(peer_product *p);

#endif
