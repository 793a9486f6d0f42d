//go:build cuda && emulator

// Every .cu of the folder, each in a namespace of its own. cgo does not track .cu and .cuh: they are embedded (emulate_sources.go),
// which makes them inputs of the package's build, so that a change is compiled.

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

// What several of them include comes first: its guard would leave it in the namespace of one.
#if __has_include("elements.cuh")
#include "elements.cuh"
#endif
#if __has_include("attention.cuh")
#include "attention.cuh"
#endif
#if __has_include("logsum.cuh")
#include "logsum.cuh"
#endif
#if __has_include("packets.cuh")
#include "packets.cuh"
#endif
#if __has_include("select.cuh")
#include "select.cuh"
#endif

#if __has_include("paged.cuh")
#include "paged.cuh"
#include "paged_tile.cuh"
#include "paged_products.cuh"
#include "paged_blocks.cuh"
#endif

#if __has_include("attention.cu")
namespace attention_cu {
#include "attention.cu"
}
#endif
#if __has_include("attention_backward.cu")
namespace attention_backward_cu {
#include "attention_backward.cu"
}
#endif
#if __has_include("attention_plain.cu")
namespace attention_plain_cu {
#include "attention_plain.cu"
}
#endif
#if __has_include("copy.cu")
namespace copy_cu {
#include "copy.cu"
}
#endif
#if __has_include("crossentropy.cu")
namespace crossentropy_cu {
#include "crossentropy.cu"
}
#endif
#if __has_include("dropout.cu")
namespace dropout_cu {
#include "dropout.cu"
}
#endif
#if __has_include("embed.cu")
namespace embed_cu {
#include "embed.cu"
}
#endif
#if __has_include("glu.cu")
namespace glu_cu {
#include "glu.cu"
}
#endif
#if __has_include("linear.cu")
namespace linear_cu {
#include "linear.cu"
}
#endif
#if __has_include("optimizer.cu")
namespace optimizer_cu {
#include "optimizer.cu"
}
#endif
#if __has_include("paged.cu")
namespace paged_cu {
#include "paged.cu"
}
#endif
#if __has_include("rmsnorm.cu")
namespace rmsnorm_cu {
#include "rmsnorm.cu"
}
#endif
#if __has_include("rope.cu")
namespace rope_cu {
#include "rope.cu"
}
#endif
#if __has_include("sample.cu")
namespace sample_cu {
#include "sample.cu"
}
#endif
#if __has_include("sum.cu")
namespace sum_cu {
#include "sum.cu"
}
#endif
namespace planted {
#include "testdata/planted.cu"
}
