// each_isa.h compiles the file named by BODY once per instruction set of this architecture (see vec.h).

#define ISA generic
#define W 4
#include "vec_body.h"
#include "math_body.h"
#include BODY
#undef ISA
#undef W

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#define ISA avx2
#define ISA_AVX2 1
#define W 8
#include "vec_body.h"
#include "math_body.h"
#include BODY
#undef ISA
#undef ISA_AVX2
#undef W
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c,prefer-vector-width=512")
#define ISA avx512
#define ISA_AVX512 1
#define W 16
#include "vec_body.h"
#include "math_body.h"
#include BODY
#undef ISA
#undef ISA_AVX512
#undef W
#pragma GCC pop_options
#endif

#undef BODY
