//go:build cuda && emulator

// Every .cu of the folder, each in a namespace of its own, as each is a program of its own to NVRTC. cgo does not track .cu and
// .cuh: they are embedded (emulate.go), which makes them inputs of the package's build, so that a change is compiled.

#include "prims.cuh"

// The bounds of all shared variables: subsection 0 of their section stands between.
asm(R"(
	.section .noinit,"aw",@nobits
	.balign 128
	.globl primer_shared_begin
	.hidden primer_shared_begin
primer_shared_begin:
	.subsection 8191
	.globl primer_shared_end
	.hidden primer_shared_end
primer_shared_end:
	.text
)");

// A function of the same name in a namespace would hide these; so it becomes one more overload.
#define PRIMS                                                                                                                  \
	using ::atomic_add;                                                                                                        \
	using ::f32_of;                                                                                                            \
	using ::fma_rn;                                                                                                            \
	using ::shuffle;                                                                                                           \
	using ::shuffle_up;                                                                                                        \
	using ::shuffle_xor;                                                                                                       \
	using ::store_as;                                                                                                          \
	using ::warp_max;                                                                                                          \
	using ::warp_sum;

#include "emulate_again.h"
namespace attention_cu {
PRIMS
#include "attention.cu"
}

#include "emulate_again.h"
namespace attention_backward_cu {
PRIMS
#include "attention_backward.cu"
}

#include "emulate_again.h"
namespace attention_backward_atomic_cu {
PRIMS
#include "attention_backward_atomic.cu"
}

#include "emulate_again.h"
namespace attention_backward_hopper_cu {
PRIMS
#include "attention_backward_hopper.cu"
}

#include "emulate_again.h"
namespace attention_hopper_cu {
PRIMS
#include "attention_hopper.cu"
}

#include "emulate_again.h"
namespace attention_plain_cu {
PRIMS
#include "attention_plain.cu"
}

#include "emulate_again.h"
namespace copy_cu {
PRIMS
#include "copy.cu"
}

#include "emulate_again.h"
namespace crossentropy_cu {
PRIMS
#include "crossentropy.cu"
}

#include "emulate_again.h"
namespace dropout_cu {
PRIMS
#include "dropout.cu"
}

#include "emulate_again.h"
namespace embed_cu {
PRIMS
#include "embed.cu"
}

#include "emulate_again.h"
namespace glu_cu {
PRIMS
#include "glu.cu"
}

#include "emulate_again.h"
namespace linear_cu {
PRIMS
#include "linear.cu"
}

#include "emulate_again.h"
namespace optimizer_cu {
PRIMS
#include "optimizer.cu"
}

#include "emulate_again.h"
namespace paged_cu {
PRIMS
#include "paged.cu"
}

#include "emulate_again.h"
namespace rmsnorm_cu {
PRIMS
#include "rmsnorm.cu"
}

#include "emulate_again.h"
namespace rope_cu {
PRIMS
#include "rope.cu"
}

#include "emulate_again.h"
namespace sample_cu {
PRIMS
#include "sample.cu"
}

#include "emulate_again.h"
namespace sum_cu {
PRIMS
#include "sum.cu"
}

#include "emulate_again.h"
namespace planted_cu {
PRIMS
#include "testdata/planted.cu"
}
